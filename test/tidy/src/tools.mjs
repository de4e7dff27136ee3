// The parts of tools/ that have tests here.
export { hazards, namedIn, namingTests } from '../../../tools/hazards.mjs';
export { available, startKafka } from '../../../tools/real-kafka.mjs';
export { classPath } from '../../../tools/real-kafka/distribution.mjs';
export { askCluster } from '../../../tools/real-kafka/handshake.mjs';
export { freePorts, isFree } from '../../../tools/real-kafka/ports.mjs';
export { Tally } from '../../../tools/measure-kafka/tally.mjs';
export { valueOf as valueOfChange } from '../../../tools/measure-pipeline/change-value.mjs';
export { Ledger } from '../../../tools/measure-pipeline/ledger.mjs';
export { givenUpUnderPods, ServedNumbers, TopicSteps } from '../../../tools/measure-pipeline/move-check.mjs';
export { moments, planOfMoves } from '../../../tools/measure-pipeline/move-plan.mjs';
export { readOptions as readMeasureOptions } from '../../../tools/measure-pipeline/options.mjs';
export { compare as compareHeld, together as allPods } from '../../../tools/measure-pipeline/pod-check.mjs';
export * from '../../../tools/measure-pipeline/verdict.mjs';
export { longRuns } from '../../../tools/run/test-long.mjs';
