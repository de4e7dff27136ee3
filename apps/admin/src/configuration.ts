import { type TopicSettings } from '@tidemark/kafka';
import {
  defineConfig,
  flag,
  kafkaFields,
  optional,
  processFields,
  regionField,
  rule,
  saslIsComplete,
  topicPrefixField,
  topicsCanBeWritten,
  topicSettingsFields,
  wholeNumber,
} from '@tidemark/process';
import { z } from 'zod';

import { type AdminOptions, isLoopback, tokenLengthMin } from './admin-options.js';

const schema = z.object({
  ...regionField,
  ...kafkaFields,
  ...topicPrefixField,
  TIDEMARK_ADMIN_TOKEN: optional(z.string().regex(new RegExp(String.raw`^[\x21-\x7e]{${tokenLengthMin},512}$`)), {
    meaning: 'bearer token of every request under /api',
    expected: `${tokenLengthMin} to 512 printable ASCII characters, needed off loopback`,
    secret: true,
  }),
  TIDEMARK_ALLOWED_TOPICS: optional(z.string().transform(splitList).refine(areExpressions).transform(expressions), {
    meaning: 'targets allowed besides <prefix>.cache.…, each matching the whole name',
    expected: 'up to 20 regular expressions, separated by commas, none with a comma of its own',
  }),
  TIDEMARK_CREATE_TOPICS: flag('whether a change creates the topics that are missing', true),
  TIDEMARK_TOPIC_PARTITIONS: wholeNumber({
    meaning: 'partitions of a table topic that is created; never changed later',
    default: 4,
    min: 1,
    max: 1_000,
  }),
  ...topicSettingsFields,
  ...processFields(8_083),
});

/** The configuration of the admin API. */
export const configuration = defineConfig({
  name: 'tidemark-admin',
  description: "serves the routing table: where each table's events go.",
  schema: rule(
    topicsCanBeWritten(saslIsComplete(schema)),
    'TIDEMARK_HTTP_HOST',
    'expected a loopback address, or TIDEMARK_ADMIN_TOKEN to be set',
    ({ TIDEMARK_HTTP_HOST: host, TIDEMARK_ADMIN_TOKEN: token }) => {
      return token !== undefined || typeof host !== 'string' || isLoopback(host);
    },
  ),
});

export type AdminConfiguration = ReturnType<typeof configuration.read>;

/** The options of `startAdmin` that come from the environment. */
export function adminOptions(
  values: AdminConfiguration,
): Required<Pick<AdminOptions, 'host' | 'port' | 'table'>> & Pick<AdminOptions, 'token'> {
  return {
    host: values.TIDEMARK_HTTP_HOST,
    port: values.TIDEMARK_HTTP_PORT,
    token: values.TIDEMARK_ADMIN_TOKEN,
    table: {
      allowedTopics: values.TIDEMARK_ALLOWED_TOPICS ?? [],
      createTopics: values.TIDEMARK_CREATE_TOPICS,
      tablePartitions: values.TIDEMARK_TOPIC_PARTITIONS,
    },
  };
}

/** What topics are made with and held against, from the environment. */
export function topicSettings(
  values: AdminConfiguration,
): TopicSettings & { readonly replicationFactor: number; readonly tableRetentionMs: number } {
  const minInsyncReplicas = values.TIDEMARK_TOPIC_MIN_ISR;
  return {
    replicationFactor: values.TIDEMARK_TOPIC_REPLICATION_FACTOR,
    tableRetentionMs: values.TIDEMARK_TOPIC_RETENTION,
    ...(minInsyncReplicas === undefined ? {} : { minInsyncReplicas }),
  };
}

const expressionsMax = 20;

function splitList(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim());
}

function areExpressions(parts: readonly string[]): boolean {
  return parts.length <= expressionsMax && parts.every((part) => part !== '' && isBalanced(part) && isExpression(part));
}

/** `x{1,3}` comes here as two halves, each of which is an expression that means something else. */
function isBalanced(part: string): boolean {
  const bare = part.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/g, '');
  const count = (character: string): number => bare.split(character).length;
  return count('{') === count('}') && count('[') === count(']') && count('(') === count(')');
}

function isExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}

function expressions(parts: readonly string[]): readonly RegExp[] {
  return parts.map((part) => new RegExp(part));
}
