import { type KafkaErrorName } from '../error-codes.js';
import { type Partition } from '../partition.js';
import { type WireReader } from '../wire-reader.js';
import { type WireWriter } from '../wire-writer.js';
import { type ApiCall, type ApiHandler, type ApiOutcome, codeOf, readTopics } from './api-call.js';

/** Bound on a wait, whatever the client asks for, ms; it simply asks again. */
const waitMaxMs = 60_000;

interface WantedPartition {
  readonly index: number;
  readonly offset: bigint;
  readonly bytesMax: number;
}

interface FetchRequest {
  readonly waitMs: number;
  /** The answer waits until there is this much, bytes. */
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly sessionId: number;
  readonly topics: readonly { readonly name: string; readonly partitions: readonly WantedPartition[] }[];
}

interface Found {
  readonly index: number;
  readonly error: KafkaErrorName | undefined;
  readonly batches: readonly Buffer[];
  readonly bytes: number;
  readonly start: bigint;
  readonly end: bigint;
}

interface Collected {
  readonly topics: readonly { readonly name: string; readonly partitions: readonly Found[] }[];
  readonly bytes: number;
  readonly hasError: boolean;
}

/** Answers with what there is, as soon as there is enough of it, something is wrong, or the wait is over. Fetch sessions are not offered. */
export const fetch: ApiHandler = async (call: ApiCall): Promise<ApiOutcome> => {
  const { reader, writer } = call;
  const request = readRequest(reader);
  if (request.sessionId !== 0) {
    writer
      .int32(0)
      .int16(codeOf('FETCH_SESSION_ID_NOT_FOUND'))
      .int32(0)
      .array([], () => undefined);
    return 'answer';
  }
  const { topics } = await collectWithin(call, request);
  writer.int32(0).int16(0).int32(0);
  writer.array(topics, ({ name, partitions }) => {
    writer.string(name).array(partitions, (found) => writePartition(writer, found));
  });
  return 'answer';
};

function readRequest(reader: WireReader): FetchRequest {
  reader.int32();
  const waitMs = Math.min(reader.int32(), waitMaxMs);
  const bytesMin = reader.int32();
  const bytesMax = reader.int32();
  reader.int8();
  const sessionId = reader.int32();
  reader.int32();
  const topics = readTopics(reader, () => {
    const index = reader.int32();
    reader.int32();
    const offset = reader.int64();
    reader.int64();
    return { index, offset, bytesMax: reader.int32() };
  });
  return { waitMs, bytesMin, bytesMax, sessionId, topics };
}

function writePartition(writer: WireWriter, { index, error, batches, bytes, start, end }: Found): void {
  writer.int32(index).int16(codeOf(error)).int64(end).int64(end).int64(start);
  writer.array([], () => undefined);
  writer.int32(-1).int32(bytes);
  for (const batch of batches) writer.raw(batch);
}

async function collectWithin(call: ApiCall, request: FetchRequest): Promise<Collected> {
  const { clock } = call.broker;
  const endMs = clock.monotonicMs() + request.waitMs;
  for (;;) {
    const collected = collect(call, request);
    const leftMs = endMs - clock.monotonicMs();
    if (collected.hasError || collected.bytes >= request.bytesMin || leftMs <= 0 || call.signal.aborted)
      return collected;
    await changeWithin(call, request, leftMs);
  }
}

/** Resolves at the next change of one of the partitions, when the time is over, or when nobody waits for the answer any more. */
function changeWithin({ broker, signal }: ApiCall, { topics }: FetchRequest, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const cancel of cancels) cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const partitions = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ index }) => broker.topics.partition(name, index)),
    );
    const cancels = partitions.flatMap((partition) => (partition === undefined ? [] : [partition.onChange(done)]));
    cancels.push(broker.clock.setTimer(done, timeoutMs, { unref: true }));
    signal.addEventListener('abort', done, { once: true });
  });
}

/** The first batch found is taken whatever its size, so that no reader is stuck before a batch that is larger than its limits. */
function collect({ broker, injectedError }: ApiCall, { topics, bytesMax }: FetchRequest): Collected {
  let bytes = 0;
  let hasError = false;
  const found = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((wanted) => {
      const partition = broker.topics.partition(name, wanted.index);
      const each = readFrom(partition, wanted, bytesMax - bytes, bytes === 0, injectedError);
      bytes += each.bytes;
      hasError ||= each.error !== undefined;
      return each;
    }),
  }));
  return { topics: found, bytes, hasError };
}

function readFrom(
  partition: Partition | undefined,
  { index, offset, bytesMax }: WantedPartition,
  bytesLeft: number,
  isFirst: boolean,
  injectedError: KafkaErrorName | undefined,
): Found {
  const fail = (error: KafkaErrorName): Found => ({ index, error, batches: [], bytes: 0, start: -1n, end: -1n });
  if (injectedError !== undefined) return fail(injectedError);
  if (partition === undefined) return fail('UNKNOWN_TOPIC_OR_PARTITION');
  const outcome = partition.fetch(offset, Math.min(bytesMax, bytesLeft), isFirst);
  if (!outcome.readable) return fail(outcome.error);
  const { batches, bytes } = outcome;
  return { index, error: undefined, batches, bytes, start: partition.start, end: partition.end };
}
