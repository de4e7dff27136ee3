export { type ContractCase } from './contract-case.js';
export { eventually } from './eventually.js';
export { ManualClock, settle } from './manual-clock.js';
export { type RecordedLog, recordingLogger } from './recording-logger.js';
export { runs } from './runs.js';
