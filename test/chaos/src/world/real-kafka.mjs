// The way to the repository's tools, which are outside of every project.
export { available, startKafka } from '../../../../tools/real-kafka.mjs';
