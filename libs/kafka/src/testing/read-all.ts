import { randomUUID } from 'node:crypto';
import { eventually } from '@tidemark/runtime/testing';
import { shortRetry } from '../kafka-client.js';
import { type ContractWorld } from './contract-world.js';

/** The values of one partition as a plain kafkajs consumer sees them, up to the end there was when it was called. */
export async function readAll(world: ContractWorld, topic: string, partition: number): Promise<string[]> {
  const admin = await world.admin();
  const offsets = await admin.fetchTopicOffsets(topic);
  const end = Number(offsets.find((one) => one.partition === partition)?.high ?? 0);
  const values: string[] = [];
  let position = 0;
  const consumer = world.client.consumer({ groupId: `read-${randomUUID()}`, maxWaitTimeInMs: 100, retry: shortRetry });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      if (batch.partition !== partition) return;
      for (const { value } of batch.messages) values.push(value?.toString() ?? '');
      position = Number(batch.lastOffset()) + 1;
    },
  });
  try {
    await eventually(`${topic}/${partition} read to ${end}`, () => position >= end, 20_000);
  } finally {
    await consumer.disconnect();
  }
  return values;
}
