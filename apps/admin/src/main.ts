import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  configsOfRole,
  createKafkaClient,
  KafkaTopicAdmin,
  KafkaWriterElection,
  RouteHistoryTopic,
  RouteTopic,
  topicRole,
  TopicWatch,
} from '@tidemark/kafka';
import { kafkaOptions, loadConfig, pinoLogger, runProcess, untilStopping } from '@tidemark/process';
import { topicNames } from '@tidemark/protocol';
import { MetricRegistry, systemClock } from '@tidemark/runtime';

import { adminOptions, configuration, topicSettings } from './configuration.js';
import { livePods } from './live-pods.js';
import { type AdminService, startAdmin } from './start-admin.js';

const values = loadConfig(configuration);
const clock = systemClock;
const logger = pinoLogger(values.TIDEMARK_LOG_LEVEL, configuration.name);
const metrics = new MetricRegistry();
const names = topicNames(values.TIDEMARK_TOPIC_PREFIX);
const settings = topicSettings(values);
const { replicationFactor } = settings;
const create = { replicationFactor, configs: configsOfRole('routes', settings) };
const configs = (topic: string): Record<string, string> => configsOfRole(topicRole(names, topic), settings);
const clientId = `tidemark-admin-${values.TIDEMARK_REGION}`;
const client = createKafkaClient({ ...kafkaOptions(values), clientId, logger, clock });
/** Under which the other admins tell of this one. */
const name = `tidemark-admin@${hostname()}:${values.TIDEMARK_HTTP_PORT}`;
const candidate = createKafkaClient({ ...kafkaOptions(values), clientId: name, logger, clock });
const election = new KafkaWriterElection({ client: candidate, names, clock, logger, metrics });
const kept = { replicationFactor, configs: configsOfRole('route-history', settings) };
const history = new RouteHistoryTopic({ client, names, create: kept, clock, logger });
const log = new RouteTopic({ client, names, create, clock, logger, metrics });
const topics = new KafkaTopicAdmin({ client, replicationFactor, configs, clock });
const pods = livePods({ client, names, podId: randomUUID(), replicationFactor, clock, logger, metrics });
let service: AdminService | undefined;
let watch: TopicWatch | undefined;

runProcess({
  logger,
  clock,
  start: async (stopping) => {
    watch = new TopicWatch({ client, names, settings, clock, logger });
    const options = {
      ...adminOptions(values),
      log,
      topics,
      pods,
      election,
      history,
      names,
      stopping,
      clock,
      logger,
      metrics,
    };
    service = await Promise.race([startAdmin(options), watch.failed]);
    await untilStopping(stopping, watch.failed);
  },
  stop: async () => {
    watch?.stop();
    await Promise.all([service === undefined ? log.close() : service.close(), pods.close()]);
  },
});
