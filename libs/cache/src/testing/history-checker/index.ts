export { checkHistory, type CheckHistoryOptions } from './check-history.js';
export { type History, type WriteAsks } from './history.js';
export {
  HistoryRecorder,
  type NewState,
  type OpenRead,
  type OpenWrite,
  type ReadCall,
  type WriteCall,
} from './history-recorder.js';
export { describeViolation, type Invariant, type Violation } from './violation.js';
