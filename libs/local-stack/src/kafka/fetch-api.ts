import { type Api, type ApiCall } from './api.js';
import { errorCodes } from './error-codes.js';

interface FetchPartition {
  readonly partition: number;
  readonly offset: bigint;
  readonly bytesMax: number;
}

interface FetchTopic {
  readonly name: string;
  readonly partitions: readonly FetchPartition[];
}

interface PartitionAnswer {
  readonly partition: number;
  readonly error: number;
  readonly end: bigint;
  readonly start: bigint;
  readonly batches: readonly Buffer[];
}

interface Collected {
  readonly topics: readonly { readonly name: string; readonly partitions: readonly PartitionAnswer[] }[];
  readonly bytes: number;
  readonly failed: boolean;
}

export const fetchApi: Api = {
  version: 11,
  handle: async (call) => {
    const { reader, writer } = call;
    reader.int32();
    const maxWaitMs = reader.int32();
    const minBytes = reader.int32();
    const maxBytes = reader.int32();
    reader.int8();
    reader.int32();
    reader.int32();
    const topics = reader.array((r) => ({ name: r.string(), partitions: r.array(readPartition) }));
    const answer = await collectWithin(call, topics, { maxWaitMs, minBytes, maxBytes });
    writer.int32(0).int16(0).int32(0);
    writer.array(answer.topics, (w, { name, partitions }) =>
      w.string(name).array(partitions, (v, partition) => writePartition(v, partition)),
    );
  },
};

function readPartition(reader: ApiCall['reader']): FetchPartition {
  const partition = reader.int32();
  reader.int32();
  const offset = reader.int64();
  reader.int64();
  return { partition, offset, bytesMax: reader.int32() };
}

function writePartition(writer: ApiCall['writer'], { partition, error, end, start, batches }: PartitionAnswer): void {
  writer.int32(partition).int16(error).int64(end).int64(end).int64(start);
  writer.array([], () => undefined);
  writer.int32(-1).int32(batches.reduce((sum, batch) => sum + batch.length, 0));
  for (const batch of batches) writer.raw(batch);
}

/** Answers at once when there is enough or something is wrong; else when one of the partitions changes, or the wait is over. */
async function collectWithin(
  call: ApiCall,
  topics: readonly FetchTopic[],
  bounds: { maxWaitMs: number; minBytes: number; maxBytes: number },
): Promise<Collected> {
  const { clock } = call.state;
  const endMs = clock.monotonicMs() + bounds.maxWaitMs;
  for (;;) {
    const collected = collect(call, topics, bounds.maxBytes);
    const leftMs = endMs - clock.monotonicMs();
    if (collected.bytes >= Math.max(1, bounds.minBytes) || collected.failed || leftMs <= 0 || call.gone.aborted)
      return collected;
    await changed(call, topics, leftMs);
  }
}

/** Resolves at the next change of one of the partitions, at the time-out, or when the client is gone. */
function changed({ state, gone }: ApiCall, topics: readonly FetchTopic[], timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const stop of stops) stop();
      resolve();
    };
    const stops = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partition }) => state.topics.wait(name, partition, done)),
    );
    stops.push(state.clock.setTimer(done, timeoutMs, { unref: true }));
    gone.addEventListener('abort', done, { once: true });
    stops.push(() => gone.removeEventListener('abort', done));
  });
}

function collect(call: ApiCall, topics: readonly FetchTopic[], maxBytes: number): Collected {
  let bytes = 0;
  let failed = false;
  const answers = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((wanted) => {
      const answer = readLog(call, name, wanted, Math.max(0, maxBytes - bytes), bytes === 0);
      bytes += answer.batches.reduce((sum, batch) => sum + batch.length, 0);
      failed ||= answer.error !== 0;
      return answer;
    }),
  }));
  return { topics: answers, bytes, failed };
}

function readLog(
  { state, injectedError }: ApiCall,
  name: string,
  wanted: FetchPartition,
  bytesLeft: number,
  isFirst: boolean,
): PartitionAnswer {
  const { partition, offset, bytesMax } = wanted;
  const log = state.topics.partition(name, partition);
  if (log === undefined)
    return { partition, error: errorCodes.UNKNOWN_TOPIC_OR_PARTITION, end: -1n, start: -1n, batches: [] };
  const answer = { partition, end: log.end, start: log.start };
  if (injectedError !== 0) return { ...answer, error: injectedError, batches: [] };
  if (offset < log.start || offset > log.end) return { ...answer, error: errorCodes.OFFSET_OUT_OF_RANGE, batches: [] };
  if (offset === log.end || (bytesLeft === 0 && !isFirst)) return { ...answer, error: 0, batches: [] };
  const batches = log.read(offset, Math.min(bytesMax, bytesLeft));
  const fits = isFirst || (batches[0]?.length ?? 0) <= bytesLeft;
  return { ...answer, error: 0, batches: fits ? batches : [] };
}
