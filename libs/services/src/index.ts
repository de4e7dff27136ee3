export {
  type DispatcherServiceOptions,
  type KafkaAddress,
  type Service,
  type ServicePorts,
  type SyncOptions,
} from './service-options.js';
export { startDispatcher } from './start-dispatcher.js';
export { startSync } from './start-sync.js';
