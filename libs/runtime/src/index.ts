export { type BackoffOptions, backoffMs } from './backoff.js';
export { type Clock, every, systemClock, wait } from './clock.js';
export { checkSignal, type DeadlineOptions, withDeadline } from './deadline.js';
export { type ByteSize, type Duration, parseByteSize, parseDuration, parseDurationOrZero } from './duration.js';
export { type Entropy, systemEntropy } from './entropy.js';
export { type LogFields, type Logger, silentLogger } from './logger.js';
export {
  type HistogramMetric,
  type Labels,
  type Metric,
  type MetricFamily,
  type MetricKind,
  MetricRegistry,
} from './metric-registry.js';
export { onAbort } from './on-abort.js';
export { stopWithin, type StopWithinOptions } from './stop-within.js';
export { thinned } from './thinned.js';
export {
  type ErrorCode,
  errorCodes,
  isTidemarkError,
  messageOf,
  TidemarkError,
  type TidemarkErrorOptions,
} from './tidemark-error.js';
