import { cacheScenarios } from './cache-scenarios.js';
import { callScenarios } from './call-scenarios.js';
import { logScenarios } from './log-scenarios.js';
import { pipelineScenarios } from './pipeline-scenarios.js';
import { rewindScenarios } from './rewind-scenarios.js';
import { routeScenarios } from './route-scenarios.js';
import { type Scenario } from './script.js';

/** One for each planted bug. */
export const scenarios: readonly Scenario[] = [
  ...cacheScenarios,
  ...callScenarios,
  ...pipelineScenarios,
  ...routeScenarios,
  ...rewindScenarios,
  ...logScenarios,
];
