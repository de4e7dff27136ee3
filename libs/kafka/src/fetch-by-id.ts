/// <reference types="./kafkajs-internals.d.ts" />
import Decoder from 'kafkajs/src/protocol/decoder.js';
import protocolError from 'kafkajs/src/protocol/error.js';
import {
  type FetchAnswer,
  type FetchAnswerPartition,
  type FetchOptions,
  type FetchPartition,
} from 'kafkajs/src/broker/index.js';
import fetch from 'kafkajs/src/protocol/requests/fetch/index.js';
import older from 'kafkajs/src/protocol/requests/fetch/v11/response.js';
import decodeMessages from 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js';
import { type NothingAt, type RefusedPlace } from './fetch-places.js';
import { believeAgain, type Diverging, epochOf, mayBeOfEpoch, whyRefused } from './fetch-verdict.js';
import { FlexibleReader, FlexibleWriter } from './flexible-wire.js';

const apiKey = 1;
/** Names topics by their ids; brokers speak it from 3.1 on. */
const byIdVersion = 13;
/** The last one that kafkajs speaks. */
const knownVersion = 11;
/** A client's own, which is no broker. */
const noReplica = -1;
const readCommitted = 1;
/** Beyond what the broker may wait, ms; a client's own time-out is longer. */
const networkDelayMs = 5_000;
/** Tagged field of a partition's answer: where the log parts from what the reader has read. */
const divergingEpochTag = 0;

type ByIdOptions = FetchOptions & { readonly replicaId?: number };

interface Decoded extends FetchAnswer {
  readonly errorCode: number;
  readonly clientSideThrottleTime: number;
}

/** Makes kafkajs's fetches of what has a place go by the topic's id; all others stay as they are. Call it once. */
export function patchFetchProtocol(): void {
  const protocolOf = fetch.protocol;
  fetch.versions = [...fetch.versions, String(byIdVersion)];
  fetch.protocol = ({ version }) => {
    const known = protocolOf({ version: Math.min(version, knownVersion) });
    if (version < byIdVersion) return known;
    return (options) => (isById(options) ? byId(options) : known(options));
  };
}

function isById({ topics }: FetchOptions): boolean {
  return topics.every(({ partitions }) => partitions.every(({ place }) => place?.topicId !== undefined));
}

function byId(options: ByIdOptions): ReturnType<ReturnType<typeof fetch.protocol>> {
  return {
    request: { apiKey, apiVersion: byIdVersion, apiName: 'Fetch', encode: () => encode(options) },
    response: { decode: (answer) => decode(answer, options), parse: (answer) => parse(answer as Decoded) },
    requestTimeout: options.maxWaitTime + networkDelayMs,
  };
}

async function encode(options: ByIdOptions): Promise<{ buf: Buffer; buffer: Buffer }> {
  const { replicaId = noReplica, maxWaitTime, minBytes, maxBytes, isolationLevel = readCommitted } = options;
  const writer = new FlexibleWriter();
  writer.int32(replicaId).int32(maxWaitTime).int32(minBytes).int32(maxBytes).int8(isolationLevel);
  // No session.
  writer.int32(0).int32(-1);
  writer.array(logsOf(options), ([topicId, { partitions }]) => {
    writer.uuid(topicId);
    writer.array(partitions, ({ partition, fetchOffset, maxBytes: partitionBytes, place }) => {
      writer.int32(partition).int32(-1).int64(BigInt(fetchOffset)).int32(epochOf(place));
      writer.int64(-1n).int32(partitionBytes).noTags();
    });
    writer.noTags();
  });
  writer.array([], () => undefined);
  writer.text(options.rackId ?? '').noTags();
  return { buf: writer.written, buffer: writer.written };
}

interface Log {
  readonly topic: string;
  readonly partitions: FetchPartition[];
}

/** By id: partitions of one name are of several logs where a member has heard of one that was made anew for some of them only. */
function logsOf({ topics }: ByIdOptions): readonly (readonly [topicId: string | undefined, log: Log])[] {
  const logs = new Map<string | undefined, Log>();
  for (const { topic, partitions } of topics)
    for (const asked of partitions) {
      const topicId = asked.place?.topicId;
      const log = logs.get(topicId) ?? { topic, partitions: [] };
      log.partitions.push(asked);
      logs.set(topicId, log);
    }
  return [...logs];
}

async function decode(answer: Buffer, options: ByIdOptions): Promise<Decoded> {
  const logs = new Map(logsOf(options));
  const reader = new FlexibleReader(answer);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  reader.int32();
  const refused: RefusedPlace[] = [];
  const read = reader.array(() => {
    const log = logs.get(reader.uuid());
    const partitions = reader.array(() => readPartition(reader));
    reader.tags();
    return { log, partitions };
  });
  const responses: FetchAnswer['responses'][number][] = [];
  const nothing: NothingAt[] = [];
  const empty: { readonly topic: string; readonly partition: number }[] = [];
  const isEmpty = bytesOf(read) === 0;
  for (const { log, partitions } of read) {
    const topic = log?.topic ?? '';
    const usable: FetchAnswerPartition[] = [];
    for (const { records, diverging, ...known } of partitions) {
      const asked = log?.partitions.find(({ partition }) => partition === known.partition);
      const why = whyRefused(known.errorCode, diverging, asked);
      if (why !== undefined) refused.push({ topic, partition: known.partition, why });
      else if (!mayBeOfEpoch(known.errorCode, asked)) {
        const messages = await messagesOf(records);
        if (messages.length > 0) believeAgain(asked);
        else if ((isEmpty || records !== undefined) && isRead(known, diverging)) {
          empty.push({ topic, partition: known.partition });
          nothing.push(...nothingAt(topic, known, asked));
        }
        usable.push({ ...known, messages });
      }
    }
    responses.push({ topicName: topic, partitions: usable });
  }
  return { clientSideThrottleTime, errorCode, responses, refused, nothing, empty };
}

function bytesOf(read: readonly { readonly partitions: readonly ReadPartition[] }[]): number {
  let bytes = 0;
  for (const { partitions } of read) for (const { records } of partitions) bytes += records?.length ?? 0;
  return bytes;
}

type Known = Omit<ReadPartition, 'records' | 'diverging'>;

/**
 * Whether the partition was read where a batch without records was handed over, or nothing at all was: brokers owe an answer one whole batch, and leave out what does
 * not fit beside it, whatever bounds it. A leader that names a follower, or another log, hands over nothing, whatever there is.
 */
function isRead({ errorCode, preferredReadReplica }: Known, diverging: Diverging | undefined): boolean {
  return errorCode === 0 && preferredReadReplica < 0 && diverging === undefined;
}

/** There is more behind what was asked for, of a partition that was read without a record. */
function nothingAt(
  topic: string,
  { partition, lastStableOffset }: Known,
  asked: FetchPartition | undefined,
): NothingAt[] {
  if (asked === undefined) return [];
  const offset = BigInt(asked.fetchOffset);
  return BigInt(lastStableOffset) > offset ? [{ topic, partition, offset }] : [];
}

type ReadPartition = Omit<FetchAnswerPartition, 'messages'> & {
  readonly lastStableOffset: string;
  readonly preferredReadReplica: number;
  readonly records: Buffer | undefined;
  readonly diverging: Diverging | undefined;
};

function readPartition(reader: FlexibleReader): ReadPartition {
  let diverging: Diverging | undefined;
  const known = {
    partition: reader.int32(),
    errorCode: reader.int16(),
    highWatermark: String(reader.int64()),
    lastStableOffset: String(reader.int64()),
    lastStartOffset: String(reader.int64()),
    abortedTransactions: reader.array(() => {
      const aborted = { producerId: String(reader.int64()), firstOffset: String(reader.int64()) };
      reader.tags();
      return aborted;
    }),
    preferredReadReplica: reader.int32(),
  };
  const records = reader.sizedBytes();
  reader.tags((tag) => {
    if (tag === divergingEpochTag) diverging = { epoch: reader.int32(), end: reader.int64() };
  });
  return { ...known, records, diverging };
}

async function messagesOf(records: Buffer | undefined): Promise<object[]> {
  return records === undefined ? [] : decodeMessages(new Decoder(records));
}

async function parse(answer: Decoded): Promise<FetchAnswer> {
  if (answer.errorCode !== 0) throw protocolError.createErrorFromCode(answer.errorCode);
  return older.parse(answer);
}
