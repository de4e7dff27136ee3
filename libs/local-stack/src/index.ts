export * from './aws/index.js';
export { EmbeddedKafka, type EmbeddedKafkaOptions } from './kafka/embedded-kafka.js';
export { type ApiName, KafkaFaults } from './kafka/kafka-faults.js';
export { type KafkaListener } from './kafka/listener.js';
export { type ProxyDirection, type ProxyTarget, TcpProxy, type TcpProxyOptions } from './network/tcp-proxy.js';
export { type LocalStackOptions } from './local-stack-options.js';
export { type LocalStack, type LocalStackFaults, startLocalStack } from './local-stack.js';
export { RegionProbe } from './region-probe.js';
export { type RegionEndpoints, type Role, syncPollMs } from './region-stack.js';
