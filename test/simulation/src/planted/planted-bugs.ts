import { backendBugs } from './backend-bugs.js';
import { cacheBugs } from './cache-bugs.js';
import { callBugs } from './call-bugs.js';
import { logBugs } from './log-bugs.js';
import { type PlantedBug } from './planted-bug.js';
import { rewindBugs } from './rewind-bugs.js';
import { routeBugs } from './route-bugs.js';

/** Each is found by the history checker, or it checks nothing. */
export const plantedBugs: readonly PlantedBug[] = [
  ...cacheBugs,
  ...callBugs,
  ...backendBugs,
  ...routeBugs,
  ...rewindBugs,
  ...logBugs,
];
