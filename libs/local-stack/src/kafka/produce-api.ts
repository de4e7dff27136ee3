import { type Api, type ApiCall } from './api.js';
import { errorCodes } from './error-codes.js';
import { splitBatches } from './record-batch.js';
import { messageBytesMax } from './topic-store.js';

interface PartitionResult {
  readonly partition: number;
  readonly error: number;
  readonly offset: bigint;
}

export const produceApi: Api = {
  version: 7,
  handle: (call) => {
    const { reader, writer } = call;
    reader.nullableString();
    const acks = reader.int16();
    reader.int32();
    const topics = reader.array((r) => ({
      name: r.string(),
      partitions: r.array((p) => ({ partition: p.int32(), records: p.bytes() })),
    }));
    const results = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition, records }) => appendTo(call, name, partition, records)),
    }));
    if (acks === 0) return 'no-answer';
    writer.array(results, (w, topic) =>
      w
        .string(topic.name)
        .array(topic.partitions, (v, { partition, error, offset }) =>
          v.int32(partition).int16(error).int64(offset).int64(-1n).int64(0n),
        ),
    );
    writer.int32(0);
  },
};

function appendTo(
  { state, injectedError }: ApiCall,
  name: string,
  partition: number,
  records: Buffer,
): PartitionResult {
  const refuse = (error: number): PartitionResult => ({ partition, error, offset: -1n });
  if (injectedError !== 0) return refuse(injectedError);
  const topic = state.topics.get(name);
  if (topic?.partitions[partition] === undefined) return refuse(errorCodes.UNKNOWN_TOPIC_OR_PARTITION);
  if (records.length > messageBytesMax(topic)) return refuse(errorCodes.MESSAGE_TOO_LARGE);
  const batches = splitBatches(records);
  if (batches === undefined || batches.length === 0) return refuse(errorCodes.CORRUPT_MESSAGE);
  let offset = -1n;
  for (const batch of batches) {
    const first = state.append(topic, partition, batch);
    if (offset < 0n) offset = first;
  }
  return { partition, error: errorCodes.NONE, offset };
}
