import { isFlexible } from '../api-table.js';
import { type BrokerState } from '../broker-state.js';
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
  /** Epoch of the leader that wrote what the reader has read last; negative: unknown. */
  readonly lastEpoch: number;
}

interface WantedTopic {
  /** By name, or by id in the newer version. */
  readonly name: string;
  readonly partitions: readonly WantedPartition[];
}

interface FetchRequest {
  readonly isById: boolean;
  readonly waitMs: number;
  /** The answer waits until there is this much, bytes. */
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly sessionId: number;
  readonly topics: readonly WantedTopic[];
}

interface Found {
  readonly index: number;
  readonly error: KafkaErrorName | undefined;
  readonly diverging?: { readonly epoch: number; readonly end: bigint };
  readonly batches: readonly Buffer[];
  readonly bytes: number;
  readonly start: bigint;
  readonly end: bigint;
}

interface Collected {
  readonly topics: readonly { readonly name: string; readonly partitions: readonly Found[] }[];
  readonly bytes: number;
  /** Something is wrong with a partition, which its reader must hear of. */
  readonly isUrgent: boolean;
}

/** Answers with what there is, as soon as there is enough of it, something is wrong, or the wait is over. Fetch sessions are not offered. */
export const fetch: ApiHandler = async (call: ApiCall): Promise<ApiOutcome> => {
  const { reader, writer } = call;
  const isById = isFlexible('Fetch', call.version);
  const request = isById ? readByIdRequest(reader) : readRequest(reader);
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
  if (isById) return writeByIdAnswer(writer, topics);
  writer.array(topics, ({ name, partitions }) => {
    writer.string(name).array(partitions, (found) => writePartition(writer, found));
  });
  return 'answer';
};

function readRequest(reader: WireReader): FetchRequest {
  const head = readHead(reader);
  const topics = readTopics(reader, () => {
    const index = reader.int32();
    reader.int32();
    const offset = reader.int64();
    reader.int64();
    return { index, offset, bytesMax: reader.int32(), lastEpoch: -1 };
  });
  return { ...head, isById: false, topics };
}

function readByIdRequest(reader: WireReader): FetchRequest {
  const head = readHead(reader);
  const topics = reader.compactArray(() => {
    const name = reader.uuid();
    const partitions = reader.compactArray(() => readWanted(reader)) ?? [];
    reader.tags();
    return { name, partitions };
  });
  return { ...head, isById: true, topics: topics ?? [] };
}

/** What comes before the topics, in either version. */
function readHead(reader: WireReader): Omit<FetchRequest, 'isById' | 'topics'> {
  reader.int32();
  const waitMs = Math.min(reader.int32(), waitMaxMs);
  const bytesMin = reader.int32();
  const bytesMax = reader.int32();
  reader.int8();
  const sessionId = reader.int32();
  reader.int32();
  return { waitMs, bytesMin, bytesMax, sessionId };
}

function readWanted(reader: WireReader): WantedPartition {
  const index = reader.int32();
  reader.int32();
  const offset = reader.int64();
  const lastEpoch = reader.int32();
  reader.int64();
  const bytesMax = reader.int32();
  reader.tags();
  return { index, offset, bytesMax, lastEpoch };
}

function writeByIdAnswer(writer: WireWriter, topics: Collected['topics']): ApiOutcome {
  writer.compactArray(topics, ({ name, partitions }) => {
    writer.uuid(name).compactArray(partitions, (found) => writeByIdPartition(writer, found));
    writer.noTags();
  });
  writer.noTags();
  return 'answer';
}

function writeByIdPartition(writer: WireWriter, { index, error, batches, bytes, start, end, diverging }: Found): void {
  writer.int32(index).int16(codeOf(error)).int64(end).int64(end).int64(start);
  writer.compactArray([], () => undefined);
  writer.int32(-1).count(bytes + 1);
  for (const batch of batches) writer.raw(batch);
  if (diverging === undefined) writer.noTags();
  else writer.count(1).count(0).count(divergingBytes).int32(diverging.epoch).int64(diverging.end).noTags();
}

/** An epoch, an offset, and no tagged fields. */
const divergingBytes = 13;

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
    if (collected.isUrgent || collected.bytes >= request.bytesMin || leftMs <= 0 || call.signal.aborted)
      return collected;
    await changeWithin(call, request, leftMs);
  }
}

/** Resolves at the next change of one of the partitions, when the time is over, or when nobody waits for the answer any more. */
function changeWithin({ broker, signal }: ApiCall, { topics, isById }: FetchRequest, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const cancel of cancels) cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const partitions = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ index }) => partitionOf(broker, isById, name, index)),
    );
    const cancels = partitions.flatMap((partition) => (partition === undefined ? [] : [partition.onChange(done)]));
    cancels.push(broker.clock.setTimer(done, timeoutMs, { unref: true }));
    signal.addEventListener('abort', done, { once: true });
  });
}

/** The first batch found is taken whatever its size, so that no reader is stuck before a batch that is larger than its limits. */
function collect({ broker, injectedError }: ApiCall, { topics, bytesMax, isById }: FetchRequest): Collected {
  let bytes = 0;
  let isUrgent = false;
  const missing: KafkaErrorName = isById ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION';
  const found = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((wanted) => {
      const partition = partitionOf(broker, isById, name, wanted.index);
      const error = injectedError ?? (partition === undefined ? missing : undefined);
      const each = readFrom(partition, wanted, bytesMax - bytes, bytes === 0, error);
      bytes += each.bytes;
      isUrgent ||= each.error !== undefined || each.diverging !== undefined;
      return each;
    }),
  }));
  return { topics: found, bytes, isUrgent };
}

function partitionOf({ topics }: BrokerState, isById: boolean, name: string, index: number): Partition | undefined {
  return (isById ? topics.identified(name) : topics.get(name))?.partitions[index];
}

function readFrom(
  partition: Partition | undefined,
  { index, offset, bytesMax, lastEpoch }: WantedPartition,
  bytesLeft: number,
  isFirst: boolean,
  refusal: KafkaErrorName | undefined,
): Found {
  const nothing = { index, error: refusal, batches: [], bytes: 0, start: -1n, end: -1n };
  if (refusal !== undefined || partition === undefined) return nothing;
  const outcome = partition.fetch(offset, Math.min(bytesMax, bytesLeft), isFirst, lastEpoch);
  if (!outcome.readable) {
    const { error, diverging } = outcome;
    return diverging === undefined ? { ...nothing, error } : { ...nothing, diverging };
  }
  const { batches, bytes } = outcome;
  return { index, error: undefined, batches, bytes, start: partition.start, end: partition.end };
}
