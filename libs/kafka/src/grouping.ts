import { type Message } from 'kafkajs';

/**
 * Messages that kafkajs groups by partition in one go.
 *
 * It groups by a `reduce` that copies the group of a partition for each message of it, so that its cost grows with the square of their number. Here, only the
 * first message of each partition goes through that step, and the others are put behind it: the same groups. A step that makes no groups of
 * the kind gets every message, as of any array.
 */
export function grouping(messages: Message[]): Message[] {
  return Object.defineProperty(messages, 'reduce', { value: reduceByPartition });
}

type Step = (groups: unknown, message: Message, index: number, messages: Message[]) => unknown;

function reduceByPartition(this: Message[], step: Step, initial: unknown): unknown {
  let groups = initial;
  let partition: number | undefined;
  let group: unknown;
  for (const [index, message] of this.entries()) {
    if (message.partition !== partition || !Array.isArray(group)) {
      partition = message.partition;
      group = groupOf(groups, partition);
    }
    if (Array.isArray(group)) group.push(message);
    else groups = step(groups, message, index, this);
  }
  return groups;
}

function groupOf(groups: unknown, partition: number | undefined): unknown {
  return typeof groups === 'object' && groups !== null && partition !== undefined
    ? (groups as Record<number, unknown>)[partition]
    : undefined;
}
