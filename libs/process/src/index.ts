export {
  type AboutField,
  choice,
  type ConfigurationField,
  duration,
  type DurationLimits,
  flag,
  optional,
  required,
  wholeNumber,
  type WholeNumberLimits,
  withDefault,
} from './configuration-field.js';
export {
  type Command,
  type ConfigOptions,
  defineConfig,
  type FieldProblem,
  loadConfig,
  type ProcessConfig,
} from './define-config.js';
export { type DescribedField, type Environment } from './described-field.js';
export { nearest } from './nearest.js';
export { pinoLogger } from './pino-logger.js';
export { type MetricsText, prometheusText } from './prometheus-text.js';
export { type LastWords, printAndExit } from './print-and-exit.js';
export { type ProcessOptions, runProcess } from './run-process.js';
export {
  type RunningService,
  runService,
  type ServiceOptions,
  type ServicePorts,
  untilStopping,
} from './run-service.js';
export {
  endpointFields,
  kafkaFields,
  type KafkaOptions,
  kafkaOptions,
  leaseTableField,
  type LogLevel,
  logLevels,
  processFields,
  readerFields,
  regionField,
  rule,
  saslIsComplete,
  type SaslOptions,
  streamField,
  streamIsInRegion,
  topicInsyncField,
  topicPrefixField,
  topicSettingsFields,
  topicsCanBeWritten,
} from './shared-fields.js';
export { type HttpOptions, type HttpServer, notListening, type Readiness, startHttp } from './start-http.js';
