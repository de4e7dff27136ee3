import { aws, type AwsOptions } from '@tidemark/aws';
import { type Backend } from '@tidemark/cache';
import {
  defineConfig,
  endpointFields,
  kafkaFields,
  kafkaOptions,
  processFields,
  regionField,
  saslIsComplete,
  topicPrefixField,
} from '@tidemark/process';
import { z } from 'zod';

const { TIDEMARK_DYNAMODB_ENDPOINT } = endpointFields;

/** The configuration of one pod. */
export const configuration = defineConfig({
  name: 'example-service',
  description: 'permissions by app id, cached by Tidemark.',
  schema: saslIsComplete(
    z.object({
      ...regionField,
      ...kafkaFields,
      ...topicPrefixField,
      TIDEMARK_DYNAMODB_ENDPOINT,
      ...processFields(3_000),
    }),
  ),
});

export type ExampleServiceValues = ReturnType<typeof configuration.read>;

export function backendOf(values: ExampleServiceValues): Backend {
  const endpoint = values.TIDEMARK_DYNAMODB_ENDPOINT;
  const options: AwsOptions = {
    region: values.TIDEMARK_REGION,
    kafka: kafkaOptions(values),
    topicPrefix: values.TIDEMARK_TOPIC_PREFIX,
  };
  return aws(endpoint === undefined ? options : { ...options, dynamodb: { endpoint } });
}
