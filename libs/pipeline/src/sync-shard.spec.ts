import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { topicNames } from '@tidemark/protocol';
import { silentLogger } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { CallWatch } from './call-watch.js';
import { LeaseHold } from './lease-hold.js';
import { newLease } from './lease-row.js';
import { type ShardCursor, type ShardPage, type ShardRecord } from './ports.js';
import { PageBudget } from './page-budget.js';
import { Retry } from './retry.js';
import { StreamRetention } from './stream-retention.js';
import { SyncMetrics } from './sync-metrics.js';
import { syncShard } from './sync-shard.js';
import { TablePublisher } from './table-publisher.js';
import { changeRecordBytes } from './testing/change-record-bytes.js';
import { FakeEventSink } from './testing/fake-event-sink.js';
import { FakeLeaseStore } from './testing/fake-lease-store.js';
import { TroubleLog } from './trouble-log.js';

const names = topicNames();
const topic = names.cdc('users');
const observer = new TroubleLog(silentLogger, {});
const latencyMs = 30;

let clock: ManualClock;
let sink: FakeEventSink;
let hold: LeaseHold;
let stop: AbortController;
let hand: (page: Partial<ShardPage>) => Promise<void>;
let finished: Promise<number | 'aborted'>;
let covered: string[];
let childlessUpTo: number | null;

/** A shard whose pages the test hands over one by one; a page is read at the moment it is handed over. */
beforeEach(() => {
  clock = new ManualClock(1_000_000);
  sink = new FakeEventSink({ clock, latencyMs });
  sink.createTopic(topic, 1);
  stop = new AbortController();
  const retention = new StreamRetention(0);
  retention.note(60_000, clock.now());
  const store = new FakeLeaseStore();
  const row = {
    ...newLease({ shardId: 's', parents: [], startHash: '0', endHash: '9' }, 'stream'),
    owner: 'a',
    readUpTo: 999_999,
  };
  store.overwrite(row);
  hold = new LeaseHold(
    {
      store,
      clock,
      observer,
      retention,
      failoverMs: 10_000,
      renewEveryMs: 1_000,
      callTimeoutMs: 1_000,
    },
    row,
    clock.monotonicMs(),
  );
  let give: (page: ShardPage) => void = () => undefined;
  let askedAt = 0;
  const cursor: ShardCursor = {
    askedSinceMs: null,
    read: (signal) =>
      new Promise((resolve, reject) => {
        askedAt = clock.now();
        give = resolve;
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      }),
  };
  hand = async (page) => {
    give({ records: [], askedAt, millisBehindLatest: 0, closed: false, gap: false, ...page });
    await settle();
  };
  covered = [];
  childlessUpTo = Infinity;
  const metrics = new SyncMetrics();
  const limits = {
    recordBytesMax: 900_000,
    sendTimeoutMs: 10_000,
    topicListEveryMs: 5_000,
    parkAfterMs: 10_000,
    parkAloneAfterMs: 60_000,
  };
  const retry = new Retry({ clock, random: () => 0, initialMs: 100, maxMs: 1_000 }, stop.signal, observer);
  const publisher = new TablePublisher({
    sink,
    names,
    clock,
    log: silentLogger,
    metrics,
    calls: new CallWatch(clock),
    ...limits,
    debtRetry: () => retry,
  });
  const sync = syncShard({
    hold,
    cursor,
    publisher,
    budget: new PageBudget(1_000_000),
    names,
    region: 'us-east-1',
    binary: 'base64-twice',
    recordBytesMax: limits.recordBytesMax,
    coveredUpTo: row.readUpTo,
    retention,
    childlessUpTo: () => childlessUpTo,
    coverHole: async (reason) => {
      covered.push(reason);
      return clock.now();
    },
    clock,
    log: silentLogger,
    metrics,
    reading: retry,
    publishing: retry,
    onPage: () => undefined,
    onAcknowledged: () => undefined,
  });
  finished = sync.catch(() => 'aborted');
});

afterEach(async () => {
  stop.abort();
  hold.drop('the test is over');
  await finished;
});

const record = (sequenceNumber: string): ShardRecord => ({
  sequenceNumber,
  bytes: changeRecordBytes({ table: 'users', key: 'k:1', to: `w${sequenceNumber}` }),
});

describe('syncShard', () => {
  it('hazard 49: claims a page only when the next page has shown that the shard goes on', async () => {
    await clock.advance(500);
    await hand({});
    await clock.advance(500);
    expect(hold.readUpTo).toBe(999_999);
    await hand({});
    expect(hold.readUpTo).toBe(1_000_000);
    await clock.advance(500);
    await hand({ closed: true });
    expect(hold.readUpTo).toBe(1_000_000);
    expect(await finished).toBe(1_000_500);
  });

  it('takes the time before the request, less how far behind the page ends', async () => {
    await hand({ millisBehindLatest: 0 });
    await clock.advance(2_000);
    await hand({ millisBehindLatest: 1_500 });
    await clock.advance(2_000);
    expect(hold.readUpTo).toBe(1_000_000);
    await hand({});
    expect(hold.readUpTo).toBe(1_000_000);
    await clock.advance(2_000);
    await hand({});
    expect(hold.readUpTo).toBe(1_004_000 - 2_000);
  });

  it('claims nothing of the tip, or where nothing was found, once the shard may have children; only what it read of its own', async () => {
    childlessUpTo = null;
    await clock.advance(500);
    await hand({});
    await clock.advance(500);
    await hand({ millisBehindLatest: 300 });
    await clock.advance(500);
    await hand({ records: [record('7')], millisBehindLatest: 300 });
    await clock.advance(latencyMs);
    expect(hold.readUpTo).toBe(999_999);
    await hand({});
    expect(hold.readUpTo).toBe(1_001_000 - 300);
    await hand({ closed: true });
    expect(await finished).toBe(1_001_000 - 300);
  });

  it('neither checkpoints nor claims a page before all of it is acknowledged', async () => {
    await hand({ records: [record('7')] });
    await clock.advance(latencyMs - 1);
    await hold.write();
    expect(hold.row.checkpoint).toBe('TRIM_HORIZON');
    await clock.advance(1);
    await hold.write();
    expect(hold.row.checkpoint).toBe('7');
    expect(hold.readUpTo).toBe(999_999);
    expect(sink.log(topic, 0)).toHaveLength(1);
  });

  it('hazard 51: has every table flushed before it goes past a position that was lost', async () => {
    await hand({ records: [record('7')] });
    await clock.advance(latencyMs);
    expect(covered).toEqual([]);
    await hand({ records: [record('9')], gap: true });
    expect(covered).toEqual(['position-lost']);
  });

  it('hazard 36: has every table flushed before it reads on after a pause longer than the stream keeps records', async () => {
    sink.down = true;
    await hand({ records: [record('7')] });
    await clock.advance(70_000);
    sink.down = false;
    await clock.advance(5_000);
    expect(covered).toEqual(['records-may-have-expired']);
  });

  it('hazard 36: has every table flushed before it goes past a page that came that late', async () => {
    await hand({});
    await clock.advance(70_000);
    await hand({ askedAt: clock.now() });
    expect(covered).toEqual(['records-may-have-expired']);
  });

  it('claims nothing for a page that cannot tell where it ends', async () => {
    await hand({ millisBehindLatest: null });
    await clock.advance(500);
    await hand({ millisBehindLatest: null });
    expect(hold.readUpTo).toBe(999_999);
  });

  it('acknowledges the records of the closing page before it returns', async () => {
    let result: number | string = '';
    void finished.then((outcome) => (result = outcome));
    await hand({ records: [record('7')], closed: true });
    expect(result).toBe('');
    await clock.advance(latencyMs);
    expect(result).toBe(999_999);
  });
});
