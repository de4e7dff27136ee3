// The parts of tools/ that have tests here.
export { hazards, namedIn, namingTests } from '../../../tools/hazards.mjs';
export { available, startKafka } from '../../../tools/real-kafka.mjs';
export { classPath } from '../../../tools/real-kafka/distribution.mjs';
export { askCluster } from '../../../tools/real-kafka/handshake.mjs';
export { freePorts, isFree } from '../../../tools/real-kafka/ports.mjs';
export { Tally } from '../../../tools/measure-kafka/tally.mjs';
export { longRuns } from '../../../tools/run/test-long.mjs';
