import { type ErrorCode, isTidemarkError } from '@tidemark/runtime';

const remedies: Partial<Readonly<Record<ErrorCode, string>>> = {
  ABORTED: 'run it again',
  ACCESS_DENIED:
    'compare the role with infra/terraform/modules/iam, the ACLs with infra/kafka/README.md, and the credentials',
  FEED_UNAVAILABLE: 'see whether the brokers run, and whether this host reaches every address that they advertise',
  INVALID_CONFIGURATION: 'change what the message names, then run it again',
  STORE_UNAVAILABLE: 'see whether this host reaches DynamoDB, and AWS Health for the region',
  STREAM_MISSING: 'check TIDEMARK_STREAM_ARN, or create the stream (infra/terraform/modules/regional-pipeline)',
  STREAM_UNAVAILABLE: 'see whether this host reaches Kinesis, and AWS Health for the region',
  TABLE_MISSING: 'check the name and the region, or create the table (infra/terraform)',
  THROTTLED: 'run it again in a minute; if it stays, find out who else reads with these limits',
  TIMEOUT: 'see whether this host reaches what the message names; a firewall that drops packets looks like this',
};

/** Of an option of the connection to Kafka that the error names. */
const optionRemedies: Readonly<Record<string, string>> = {
  sasl: 'compare TIDEMARK_KAFKA_SASL_MECHANISM, …_USERNAME and …_PASSWORD with what the brokers take at this port',
  ssl: 'compare TIDEMARK_KAFKA_SSL, and the authority that NODE_EXTRA_CA_CERTS names, with what the brokers speak at this port',
};

/** What to do about a look that failed. */
export function remedyOf(error: unknown): string {
  if (!isTidemarkError(error)) return unknownRemedy;
  return optionRemedies[String(error.context['field'])] ?? remedies[error.code] ?? unknownRemedy;
}

const unknownRemedy = 'look the message up in docs/errors.md, then run it again';
