import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { silentLogger } from '@tidemark/runtime';
import { ManualClock, recordingLogger } from '@tidemark/runtime/testing';
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryStore } from './directory-store.js';
import { GroupCoordinator } from './group-coordinator.js';
import { ProducerIds } from './producer-ids.js';
import { recordsOf } from './record-batch.js';
import { makeBatch, oneRecord } from './testing/batches.js';
import { Topics } from './topics.js';

const startMs = 1_700_000_000_000;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'embedded-kafka-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a broker would know that had just begun with this folder. */
function open(log = silentLogger): {
  topics: Topics;
  groups: GroupCoordinator;
  producerIds: ProducerIds;
  store: DirectoryStore;
} {
  const store = new DirectoryStore(folder, log);
  const clock = new ManualClock(startMs);
  const topics = new Topics({ clock, store, defaultPartitions: 1, partitionsMax: 100, partitionBytesMax: 1e9 });
  const groups = new GroupCoordinator({
    clock,
    store,
    initialRebalanceDelayMs: 0,
    sessionTimeoutMinMs: 1,
    sessionTimeoutMaxMs: 1e6,
    groupsMax: 100,
  });
  return { topics, groups, producerIds: new ProducerIds(store), store };
}

function createTopic(
  topics: Topics,
  name: string,
  configs: Readonly<Record<string, string>> = {},
  partitions = 1,
): void {
  const refusal = topics.create({ name, partitions, replicationFactor: 1, configs: new Map(Object.entries(configs)) });
  expect(refusal).toBeUndefined();
}

function append(topics: Topics, name: string, ...values: string[]): void {
  for (const value of values) {
    expect(topics.partition(name, 0)?.append(oneRecord(value[0] ?? null, value, startMs))).toMatchObject({
      appended: true,
    });
  }
}

/** Start, end and readable offsets of a topic's first partition. */
function contents(topics: Topics, name: string): [bigint | undefined, bigint | undefined, number[]] {
  const partition = topics.partition(name, 0);
  const outcome = partition?.fetch(partition.start, 1e9, false);
  const batches = outcome?.readable === true ? outcome.batches : [];
  const offsets = batches.flatMap((batch) => recordsOf(batch)?.map(({ offset }) => Number(offset)) ?? []);
  return [partition?.start, partition?.end, offsets];
}

describe('DirectoryStore', () => {
  it('finds again topics, configuration, records, offsets and producer ids', () => {
    const first = open();
    createTopic(first.topics, 'a', { 'retention.ms': '-1' }, 3);
    createTopic(first.topics, 'b');
    first.topics.growTo('b', 2);
    first.topics.configure('b', new Map([['max.message.bytes', '500']]));
    append(first.topics, 'a', 'x1', 'x2');
    const committed = { topic: 'a', partition: 0, offset: 2n ** 60n, metadata: 'é' };
    first.groups.commit('g', [committed]);
    const producerId = first.producerIds.take();
    const second = open();
    expect(second.topics.all().map(({ name, partitions, configs }) => [name, partitions.length, [...configs]])).toEqual(
      [
        ['a', 3, [['retention.ms', '-1']]],
        ['b', 2, [['max.message.bytes', '500']]],
      ],
    );
    expect(contents(second.topics, 'a')).toEqual([0n, 2n, [0, 1]]);
    expect(second.groups.allCommitted('g')).toEqual([committed]);
    expect(second.producerIds.take()).toBe(producerId + 1n);
  });

  it('does not bring back what was deleted', () => {
    const first = open();
    createTopic(first.topics, 'a');
    append(first.topics, 'a', 'x1', 'x2', 'x3');
    first.topics.partition('a', 0)?.deleteBefore(2n);
    createTopic(first.topics, 'b');
    append(first.topics, 'b', 'x1', 'x2');
    first.topics.partition('b', 0)?.deleteBefore(2n);
    createTopic(first.topics, 'c');
    append(first.topics, 'c', 'x1');
    first.groups.commit('g', [{ topic: 'c', partition: 0, offset: 1n, metadata: null }]);
    first.groups.commit('h', [{ topic: 'a', partition: 0, offset: 1n, metadata: null }]);
    first.topics.delete('c');
    first.groups.delete('h');
    const second = open();
    createTopic(second.topics, 'c');
    expect([contents(second.topics, 'a'), contents(second.topics, 'b'), contents(second.topics, 'c')]).toEqual([
      [2n, 3n, [2]],
      [2n, 2n, []],
      [0n, 0n, []],
    ]);
    expect([second.groups.allCommitted('g'), second.groups.allCommitted('h')]).toEqual([[], []]);
  });

  it('keeps the end of a log that lost its tail, and goes on there', () => {
    const first = open();
    createTopic(first.topics, 'a');
    append(first.topics, 'a', 'x1', 'x2', 'x3', 'x4');
    first.topics.partition('a', 0)?.deleteFrom(2n);
    append(first.topics, 'a', 'y1');
    expect(contents(open().topics, 'a')).toEqual([0n, 3n, [0, 1, 2]]);
  });

  it('does not bring back what compaction dropped', () => {
    const first = open();
    createTopic(first.topics, 'a', { 'cleanup.policy': 'compact' });
    append(first.topics, 'a', 'x1', 'y1', 'x2', 'z1');
    first.topics.clean();
    expect(contents(first.topics, 'a')).toEqual([0n, 4n, [1, 2, 3]]);
    expect(contents(open().topics, 'a')).toEqual([0n, 4n, [1, 2, 3]]);
  });

  it('knows a repeated batch of an idempotent producer from before', () => {
    const batch = makeBatch({
      records: [{ key: 'a', value: '1' }],
      timestampMs: startMs,
      producer: { id: 3n, epoch: 0, sequence: 0 },
    });
    const first = open();
    createTopic(first.topics, 'a');
    first.topics.partition('a', 0)?.append(batch);
    expect(open().topics.partition('a', 0)?.append(batch)).toEqual({
      appended: true,
      baseOffset: 0n,
      appendTimeMs: -1,
    });
  });

  it('cuts off a torn batch and torn notes, says so, and goes on', () => {
    const first = open();
    createTopic(first.topics, 'a');
    append(first.topics, 'a', 'x1', 'x2');
    first.groups.commit('g', [{ topic: 'a', partition: 0, offset: 1n, metadata: null }]);
    first.groups.commit('g', [{ topic: 'a', partition: 0, offset: 2n, metadata: null }]);
    first.store.release();
    const logFile = join(folder, 'logs', readdirSync(join(folder, 'logs'))[0] ?? '');
    appendFileSync(logFile, oneRecord('k', 'torn').subarray(0, -1));
    const notes = readFileSync(join(folder, 'notes'));
    writeFileSync(join(folder, 'notes'), notes.subarray(0, -2));
    const logger = recordingLogger();
    const second = open(logger);
    expect(contents(second.topics, 'a')).toEqual([0n, 2n, [0, 1]]);
    expect(second.groups.committed('g', 'a', 0)?.offset).toBe(1n);
    expect(logger.lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
    append(second.topics, 'a', 'x3');
    expect(contents(open().topics, 'a')).toEqual([0n, 3n, [0, 1, 2]]);
  });

  it('gives a topic made anew nothing of the one before it', () => {
    const first = open();
    createTopic(first.topics, 'a');
    append(first.topics, 'a', 'x1');
    first.topics.delete('a');
    createTopic(first.topics, 'a');
    append(first.topics, 'a', 'y1', 'y2');
    expect(contents(open().topics, 'a')).toEqual([0n, 2n, [0, 1]]);
  });

  it('does not let its files grow with what is forgotten', () => {
    const first = open();
    createTopic(first.topics, 'a', { 'retention.bytes': '100000' });
    const value = 'x'.repeat(50_000);
    for (let round = 0; round < 100; round += 1) append(first.topics, 'a', value);
    for (let round = 0; round < 50_000; round += 1) {
      first.groups.commit('g', [{ topic: 'a', partition: 0, offset: BigInt(round), metadata: null }]);
    }
    expect(statSync(join(folder, 'logs', '1-0.log')).size).toBeLessThan(1.4e6);
    expect(statSync(join(folder, 'notes')).size).toBeLessThan(4.3e6);
    const second = open();
    expect(second.groups.committed('g', 'a', 0)?.offset).toBe(49_999n);
    expect(second.topics.partition('a', 0)?.end).toBe(100n);
  });
});
