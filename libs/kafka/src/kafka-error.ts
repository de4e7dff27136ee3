import { isTidemarkError, messageOf, TidemarkError } from '@tidemark/runtime';

/** How deep causes are followed. */
const depthMax = 8;

/** Kafka's name for what went wrong (`UNKNOWN_TOPIC_OR_PARTITION`), wherever kafkajs hid it, or `undefined` when the broker named nothing. */
export function kafkaErrorType(error: unknown, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null || depth > depthMax) return undefined;
  const { type, cause, errors } = error as { type?: unknown; cause?: unknown; errors?: unknown };
  if (typeof type === 'string') return type;
  for (const inner of Array.isArray(errors) ? (errors as unknown[]) : [cause]) {
    const found = kafkaErrorType(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function isTopicMissing(error: unknown): boolean {
  return kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION';
}

export function isAccessDenied(error: unknown): boolean {
  return /AUTHORIZATION_FAILED|AUTHENTICATION_FAILED/.test(kafkaErrorType(error) ?? '');
}

/** Whether the brokers have answered, and do not answer for this topic: no reason to give up what is asked about others. */
export function isOfTopic(error: unknown): boolean {
  return isTidemarkError(error) || kafkaErrorType(error) !== undefined;
}

export function isTooLarge(error: unknown): boolean {
  return /^(MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE)$/.test(kafkaErrorType(error) ?? '');
}

/** Whether the group is in motion, so that the member must join again before anything else. */
export function isRejoinNeeded(error: unknown): boolean {
  return /^(REBALANCE_IN_PROGRESS|NOT_COORDINATOR_FOR_GROUP|ILLEGAL_GENERATION|UNKNOWN_MEMBER_ID)$/.test(
    kafkaErrorType(error) ?? '',
  );
}

export function topicMissing(topic: string, cause?: unknown): TidemarkError {
  return new TidemarkError('TOPIC_MISSING', `there is no topic ${topic}`, {
    retriable: true,
    cause,
    context: { topic },
  });
}

/** A topic that the process may not look at, write or make, by its name: Kafka's own words leave it out. */
export function topicDenied(topic: string, cause: unknown): TidemarkError {
  return new TidemarkError('ACCESS_DENIED', `kafka: no permission for topic ${topic}: ${messageOf(cause)}`, {
    retriable: false,
    cause,
    context: { topic, type: kafkaErrorType(cause) },
  });
}

/**
 * What a failed publish is told as: `ACCESS_DENIED` when waiting cannot help, else `PUBLISH_FAILED`, also for a login that is refused: brokers that have
 * just started may not know it yet.
 */
export function publishFailed(topic: string, cause: unknown): TidemarkError {
  const code = isAccessDenied(cause) ? 'ACCESS_DENIED' : 'PUBLISH_FAILED';
  const retriable = code === 'PUBLISH_FAILED' && !isTooLarge(cause);
  const field = isTidemarkError(cause) ? cause.context['field'] : undefined;
  return new TidemarkError(code, `publishing to ${topic} failed: ${messageOf(cause)}`, {
    retriable,
    cause,
    context: { topic, type: kafkaErrorType(cause), ...(field === undefined ? {} : { field }) },
  });
}
