import {
  defineConfig,
  duration,
  kafkaFields,
  kafkaOptions,
  optional,
  processFields,
  regionField,
  saslIsComplete,
  topicInsyncField,
  topicPrefixField,
} from '@tidemark/process';
import { type DispatcherServiceOptions } from '@tidemark/services';
import { z } from 'zod';

/** The configuration of the dispatcher. */
export const configuration = defineConfig({
  name: 'tidemark-dispatcher',
  description: "copies each table's events to the cache topics that its route names.",
  schema: saslIsComplete(
    z.object({
      ...regionField,
      ...kafkaFields,
      ...topicPrefixField,
      TIDEMARK_SESSION_TIMEOUT: duration({
        meaning:
          'a dispatcher that the broker has not heard of for so long has died, and others take its partitions; Kafka itself refuses less than 6s',
        default: '6s',
        min: '1s',
        max: '5m',
      }),
      TIDEMARK_RACK_ID: optional(z.string().min(1), {
        meaning:
          'zone that the dispatcher runs in, as broker.rack names it, to read from brokers there; from leaders when left out',
        expected: 'a text',
      }),
      ...topicInsyncField,
      ...processFields(8_082),
    }),
  ),
});

export type DispatcherConfiguration = ReturnType<typeof configuration.read>;

/** The options of `startDispatcher`, from checked values. */
export function dispatcherOptions(values: DispatcherConfiguration): DispatcherServiceOptions {
  return {
    region: values.TIDEMARK_REGION,
    kafka: kafkaOptions(values),
    topicPrefix: values.TIDEMARK_TOPIC_PREFIX,
    sessionTimeoutMs: values.TIDEMARK_SESSION_TIMEOUT,
    ...(values.TIDEMARK_RACK_ID === undefined ? {} : { rackId: values.TIDEMARK_RACK_ID }),
    ...(values.TIDEMARK_TOPIC_MIN_ISR === undefined ? {} : { topicMinInsyncReplicas: values.TIDEMARK_TOPIC_MIN_ISR }),
  };
}
