export { checkHistory, type CheckHistoryOptions } from './check-history.js';
export { type History } from './history.js';
export { HistoryRecorder, type OpenRead, type OpenWrite, type ReadCall } from './history-recorder.js';
export { describeViolation, type Invariant, type Violation } from './violation.js';
