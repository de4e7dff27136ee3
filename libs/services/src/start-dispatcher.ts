import { createKafkaClient, GroupConsumer, KafkaProducer, RouteTopic, TopicWatch } from '@tidemark/kafka';
import { Dispatcher } from '@tidemark/pipeline';
import { topicNames } from '@tidemark/protocol';
import { messageOf, stopWithin } from '@tidemark/runtime';
import { type DispatcherServiceOptions, type Service, type ServicePorts } from './service-options.js';
import { untilStarted } from './until-started.js';

/** Cache topics that wait for nobody's replicas but their own. */
const connectionsMax = 32;

/** A dispatcher over Kafka. Resolves at once; what it needs and does not find yet, it waits for, and says so in `ready()`. */
export async function startDispatcher(options: DispatcherServiceOptions, ports: ServicePorts): Promise<Service> {
  const { clock, logger, metrics } = ports;
  const { kafka, topicPrefix, region, sessionTimeoutMs, rackId } = options;
  const names = topicNames(topicPrefix);
  const client = createKafkaClient({ ...kafka, clientId: `tidemark-dispatcher-${region}`, logger, clock });
  const sink = new KafkaProducer({ client, names, clock, logger, metrics, connectionsMax });
  const source = new GroupConsumer({
    client,
    groupId: names.dispatcherGroup,
    clock,
    logger,
    metrics,
    ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
    ...(rackId === undefined ? {} : { rackId }),
  });
  const routes = new RouteTopic({ client, names, clock, logger, metrics });
  const minInsyncReplicas = options.topicMinInsyncReplicas;
  const settings = minInsyncReplicas === undefined ? {} : { minInsyncReplicas };
  const topics = new TopicWatch({ client, names, settings, clock, logger });
  const dispatcher = new Dispatcher({ source, sink, routes, names, clock, logger, metrics });
  const starting = untilStarted(() => dispatcher.start(), logger);
  return {
    ready: () => {
      const health = dispatcher.health();
      const error = topics.error ?? starting.error();
      return {
        ready: health.ready && error === undefined,
        detail: error === undefined ? health : { ...health, error: messageOf(error) },
      };
    },
    failed: topics.failed,
    stop: () => {
      topics.stop();
      return stopWithin(
        dispatcher.stop().then(() => sink.close()),
        ports,
      );
    },
    kill: async () => {
      topics.stop();
      await dispatcher.kill();
      await sink.close();
    },
  };
}
