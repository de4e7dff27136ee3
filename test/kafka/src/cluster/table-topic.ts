import { randomBytes } from 'node:crypto';
import { type KafkaClient } from '@tidemark/kafka';
import { decodeRecord, headerName } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';

/** Item keys, with write ids in the order in which a topic has them. */
export type WritesByKey = ReadonlyMap<string, ReadonlySet<string>>;

/** By key, the write ids of all events of a topic as each came first, as kafkajs alone reads it from its start. */
export async function writesIn(client: KafkaClient, topic: string): Promise<WritesByKey> {
  const ends = await endsOf(client, topic);
  const positions = new Map<number, number>();
  const writes = new Map<string, Set<string>>();
  const consumer = client.consumer({ groupId: `${topic}.${randomBytes(4).toString('hex')}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { key, value, headers } of batch.messages) {
        const header = headers?.[headerName];
        if (!Buffer.isBuffer(header)) continue;
        const decoded = decodeRecord({ key, value, header });
        if (decoded.type !== 'event' || decoded.event.lane !== 'cdc' || decoded.event.to === null) continue;
        const { key: itemKey, to } = decoded.event;
        writes.set(itemKey, (writes.get(itemKey) ?? new Set()).add(to));
      }
      positions.set(batch.partition, Number(batch.lastOffset()) + 1);
    },
  });
  try {
    const isRead = ([partition, end]: readonly [number, number]): boolean =>
      end === 0 || (positions.get(partition) ?? 0) >= end;
    await eventually(`${topic} is read`, () => [...ends].every(isRead), 60_000);
  } finally {
    await consumer.disconnect();
  }
  return writes;
}

async function endsOf(client: KafkaClient, topic: string): Promise<ReadonlyMap<number, number>> {
  const admin = client.admin({});
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsets(topic);
    return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
  } finally {
    await admin.disconnect();
  }
}
