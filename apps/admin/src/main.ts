import { createKafkaClient, KafkaTopicAdmin, RouteTopic } from '@tidemark/kafka';
import { kafkaOptions, loadConfig, pinoLogger, runProcess } from '@tidemark/process';
import { topicNames } from '@tidemark/protocol';
import { MetricRegistry, systemClock } from '@tidemark/runtime';

import { adminOptions, configuration } from './configuration.js';
import { type AdminService, startAdmin } from './start-admin.js';

const values = loadConfig(configuration);
const clock = systemClock;
const logger = pinoLogger(values.TIDEMARK_LOG_LEVEL, configuration.name);
const metrics = new MetricRegistry();
const names = topicNames(values.TIDEMARK_TOPIC_PREFIX);
const replicationFactor = values.TIDEMARK_TOPIC_REPLICATION_FACTOR;
const create = { replicationFactor };
const clientId = `tidemark-admin-${values.TIDEMARK_REGION}`;
const client = createKafkaClient({ ...kafkaOptions(values), clientId, logger, clock });
const log = new RouteTopic({ client, names, create, clock, logger, metrics });
const topics = new KafkaTopicAdmin({ client, replicationFactor, clock });
let service: AdminService | undefined;

runProcess({
  logger,
  clock,
  start: async (stopping) => {
    service = await startAdmin({ ...adminOptions(values), log, topics, names, stopping, clock, logger, metrics });
  },
  stop: async () => (service === undefined ? log.close() : service.close()),
});
