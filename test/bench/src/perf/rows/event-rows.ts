import { type Store } from '@tidemark/cache';
import { Coherence, newCacheStats, newL1, PartitionState } from '@tidemark/cache/internals';
import { type CdcEvent, encodeEvent, formatWriteId, itemKeyOf, partitionOf, type WireRecord } from '@tidemark/protocol';
import { LRUCache } from 'lru-cache';
import { processCpuNs } from '../cpu-clock.js';
import { benchPod, bucket, table } from '../pod.js';
import { type BenchRow, type Plan } from '../row.js';
import { median } from '../statistics.js';
import { cpuOf } from '../timed.js';
import { keysOf } from '../workload.js';

const keys = 1_000;
const region = 'local';
const partitions = 4;
const topic = `memory.cache.${table}`;
const batchRecords = 500;
const smallValue = Buffer.from(JSON.stringify({ id: 1, note: 'x'.repeat(80) }));
const kilobyte = Buffer.from(JSON.stringify({ id: 1, note: 'x'.repeat(1_000) }));

/** What a pod spends on the change feed. */
export const eventRows: readonly BenchRow[] = [
  {
    name: 'event-apply-vs-lru-set',
    what: 'one event that follows on the entry it meets (rule 5), carried out by the coherence of a cache, beside `lru-cache.set` of the same key',
    goal: { compared: 'ratio', rule: 'at least', bound: 0.75 },
    unit: 'ns CPU',
    lowerIsBetter: true,
    note: 'The event is decoded already and its value stays as it is: what is measured is the decision and the replaced entry, in a pod that has no writes of its own in flight. Both replace the entries of 1,000 keys.',
    whyBehind:
      'an event compares its write ids of 32 characters three times, looks at what is in flight and what has stepped back, and writes seven columns; `lru-cache.set` writes one reference and moves a list, and looks at nothing of what it is given',
    tidemark: async (plan) => nsPerEvent(plan),
    rival: {
      name: 'lru-cache',
      settings: '`new LRUCache({ max, maxSize })`, the size given at `set`, since Tidemark keeps its byte budget too',
      measure: async (plan) => nsPerSet(plan),
    },
  },
  {
    name: 'events-absent-keys',
    what: 'events that a pod applies from its feed for keys that L1 does not hold, decoding included',
    ...perCpuSecond(100_000),
    tidemark: async (plan) => eventsPerCpuSecond(plan, 0),
  },
  {
    name: 'events-present-keys',
    what: 'events with values of 1 KB that a pod applies from its feed to entries that L1 holds, decoding of the record included',
    ...perCpuSecond(50_000),
    tidemark: async (plan) => eventsPerCpuSecond(plan, keys),
    note: 'The value itself is decoded by the first get that asks for it, and so is not part of the figure.',
  },
];

function perCpuSecond(bound: number): Pick<BenchRow, 'goal' | 'unit' | 'lowerIsBetter'> {
  return {
    goal: { compared: 'figure', rule: 'at least', bound },
    unit: 'events per CPU-second',
    lowerIsBetter: false,
  };
}

/** The write id of a key's version; ids only go up. Flat, as a decoded record has it: a rope would be flattened by what is measured. */
function idOf(version: number): string {
  const id = formatWriteId({ ms: 1_800_000_000_000 + version, counter: 0, incarnation: '0123456789abcdef' });
  return Buffer.from(id).toString();
}

function eventOf(key: string, version: number, value: Uint8Array): CdcEvent {
  const place = { region, position: `shard-0:${version}`, lane: 'cdc' } as const;
  const ids = { from: idOf(version - 1), to: idOf(version), stampUs: 1_800_000_000_000_000 + version };
  return { table, key, kind: 'modify', ...ids, ...place, expiresAt: null, codec: null, value };
}

async function nsPerEvent({ quick }: Plan): Promise<number> {
  const l1 = newL1({ eviction: 'lru', maxEntries: keys * 2, maxBytes: 64 * 1_024 * 1_024 });
  const state = new PartitionState();
  state.followed = topic;
  const place = { index: 0, state };
  const stats = newCacheStats();
  const coherence = new Coherence({
    ...{ l1, stats, mode: 'update', partitionOf: () => place, sameValue: () => false },
    hold: ({ value }) => ({ value, bytes: smallValue.length }),
  });
  const names = keysOf(keys);
  for (const name of names) {
    const image = { value: smallValue, writeId: idOf(0), expiresAt: 0, readAt: 0, bytes: smallValue.length };
    coherence.completeFill(coherence.beginFill(name), image);
  }
  const ns = await perVersion(quick, (version) => {
    const events = names.map((name) => eventOf(name, version, smallValue));
    return () => {
      for (let at = 0; at < keys; at += 1) {
        const event = events[at];
        if (event !== undefined) coherence.applyEvent(event.key, event);
      }
    };
  });
  if (stats.rules[5] !== stats.events) throw new Error('an event did not follow on its entry');
  return ns;
}

async function nsPerSet({ quick }: Plan): Promise<number> {
  const lru = new LRUCache<string, object>({ max: keys * 2, maxSize: 64 * 1_024 * 1_024 });
  const names = keysOf(keys);
  return perVersion(quick, () => {
    const values = names.map(() => Uint8Array.from(smallValue));
    return () => {
      for (let at = 0; at < keys; at += 1) lru.set(names[at] ?? '', values[at] ?? smallValue, { size: 300 });
    };
  });
}

/** Prepares a version of every key, then measures what it takes to bring it in; ns for each key, once warm. */
async function perVersion(quick: boolean, prepare: (version: number) => () => void): Promise<number> {
  const figures: number[] = [];
  for (let version = 1; version <= (quick ? 400 : 1_000); version += 1) {
    const work = prepare(version);
    const ns = (await cpuOf(work)) / keys;
    if (version > 200) figures.push(ns);
  }
  return median(figures);
}

/** `held`: keys that L1 holds before; all events are for those, or for others. */
async function eventsPerCpuSecond({ quick }: Plan, held: number): Promise<number> {
  const { cache, tidemark, handler } = benchPod({ maxEntries: keys * 2 }, imagesOf());
  await tidemark.start();
  const names = keysOf(keys);
  await Promise.all(names.slice(0, held).map((name) => cache.get(name)));
  const feed = handler();
  if (feed === undefined) throw new Error('the pod has not opened its feed');
  const rates: number[] = [];
  for (let version = 1; version <= (quick ? 60 : 200); version += 1) {
    const batches = batchesOf(names, version);
    const beganNs = processCpuNs();
    for (let again = 0; again < batches.length; again += 1) feed.onBatch(batches[again] ?? never);
    const spentNs = processCpuNs() - beganNs;
    if (version > 20) rates.push(spentNs);
  }
  if (cache.stats().rules[held > 0 ? 5 : 3] === 0 || cache.stats().entries !== held)
    throw new Error('the events did not do what the row is about');
  await tidemark.close();
  return (keys * rates.length * 1e9) / rates.reduce((sum, ns) => sum + ns, 0);
}

const never = { topic, partition: 0, records: [] };

/** As Kafka hands them over: bytes, some hundred of one partition at a time. */
function batchesOf(
  names: readonly string[],
  version: number,
): { topic: string; partition: number; records: WireRecord[] }[] {
  const byPartition = Array.from({ length: partitions }, (): WireRecord[] => []);
  for (const name of names) {
    const { key, header, value } = encodeEvent(eventOf(itemKeyOf(bucket, name), version, kilobyte));
    const record = { key: Buffer.from(key), header: Buffer.from(header), value, src: version };
    byPartition[partitionOf(key, partitions)]?.push(record);
  }
  return byPartition.flatMap((records, partition) =>
    Array.from({ length: Math.ceil(records.length / batchRecords) }, (_, batch) => ({
      topic,
      partition,
      records: records.slice(batch * batchRecords, (batch + 1) * batchRecords),
    })),
  );
}

/** L2 in which every key stands in its version 0. */
function imagesOf(): Partial<Store> {
  const rest = { codec: null, expiresAt: null, writtenBy: region, tombstone: false, leaseId: null, leaseUntil: null };
  const image = (key: string) => ({ key, value: kilobyte.toString(), writeId: idOf(0), loaded: false, ...rest });
  return {
    read: async (_table, itemKey) => image(itemKey),
    readMany: async (_table, itemKeys) => ({
      items: new Map(itemKeys.map((itemKey) => [itemKey, image(itemKey)])),
      unread: new Map(),
    }),
  };
}
