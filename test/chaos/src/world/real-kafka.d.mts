export { available, type RealKafka, startKafka } from '../../../../tools/real-kafka.mjs';
