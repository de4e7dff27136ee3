import { beforeEach, describe, expect, it } from '@jest/globals';
import { silentLogger, TidemarkError } from '@tidemark/runtime';
import { ManualClock } from '@tidemark/runtime/testing';
import { EndedDebts } from './ended-debts.js';
import { newLease } from './lease-row.js';
import { type ShardLease } from './ports.js';
import { SyncMetrics } from './sync-metrics.js';
import { TableDebts } from './table-debts.js';
import { FakeLeaseStore } from './testing/fake-lease-store.js';

const { signal } = new AbortController();
const shard = { shardId: 's', parents: [], startHash: '0', endHash: '9' };
const ended: ShardLease = {
  ...newLease(shard, 'stream:1'),
  checkpoint: 'SHARD_END',
  owner: 'a',
  owes: ['orders', 'users'],
};

let clock: ManualClock;
let leases: FakeLeaseStore;
let flushes: string[];
let told: string[];
let endedDebts: EndedDebts;
/** Tables whose topic takes nothing. */
let refusing: readonly string[];

beforeEach(() => {
  clock = new ManualClock();
  leases = new FakeLeaseStore();
  leases.overwrite(ended);
  [flushes, told, refusing] = [[], [], []];
  const flushTable = (table: string): Promise<void> => {
    if (refusing.includes(table)) return Promise.reject(new TidemarkError('TOPIC_MISSING', table, { retriable: true }));
    flushes.push(table);
    return Promise.resolve();
  };
  const debts = new TableDebts({
    clock,
    log: silentLogger,
    metrics: new SyncMetrics(),
    parkAfterMs: 10_000,
    flushTable,
  });
  endedDebts = new EndedDebts({
    debts,
    leases,
    call: (_, call) => call(signal),
    observer: {
      failed: (_, error) => void told.push((error as Error).message),
      succeeded: () => void told.push('works'),
    },
    signal,
  });
  // The tables are parked until a flush of each is taken.
  for (const table of ['orders', 'users']) debts.inherited(table);
  debts.look(signal);
});

/** One scan: what is owed is paid as the row says. */
async function scan(rows: readonly ShardLease[] = [...leasesNow()]): Promise<void> {
  await clock.advance(1_000);
  endedDebts.pay(rows);
  await endedDebts.ended();
}

function leasesNow(): readonly ShardLease[] {
  const row = leases.row('s');
  return row === undefined ? [] : [row];
}

describe('what an ended shard owes', () => {
  it('is flushed, and taken out of its row', async () => {
    await scan();
    expect(leases.row('s')?.owes).toBeUndefined();
    expect(new Set(flushes)).toEqual(new Set(['orders', 'users']));
    expect(told).toEqual(['works']);
  });

  it('is flushed once, however often the lease table fails to take that down', async () => {
    leases.down = true;
    for (let scans = 0; scans < 5; scans += 1) await scan();
    const before = flushes.length;
    expect(told).toEqual(Array.from({ length: 5 }, () => 'the lease table does not answer'));
    for (let scans = 0; scans < 5; scans += 1) await scan();
    expect(flushes).toHaveLength(before);
    leases.down = false;
    await scan();
    expect(leases.row('s')?.owes).toBeUndefined();
    expect(flushes).toHaveLength(before);
  });

  it('is left to another worker that was quicker, without a word', async () => {
    const read = leasesNow();
    leases.overwrite({ ...ended, counter: 7, owes: ['users'] });
    await scan(read);
    expect(told).toEqual(['works']);
    await scan();
    expect(leases.row('s')?.owes).toBeUndefined();
    expect(told).toEqual(['works', 'works']);
  });

  it('is told when its row stands as it was, and is not taken all the same', async () => {
    const [row] = leasesNow();
    leases.lose('s');
    for (let scans = 0; scans < 3; scans += 1) await scan(row === undefined ? [] : [row]);
    expect(told).toEqual(['works', expect.stringContaining('the row of s'), expect.stringContaining('the row of s')]);
  });

  it('are paid for all shards by one flush of each table', async () => {
    const ids = Array.from({ length: 8 }, (_, index) => `s${index}`);
    const rows = ids.map((shardId) => ({ ...ended, shardId }));
    for (const row of rows) leases.overwrite(row);
    await scan(rows);
    const before = flushes.length;
    const again = ids.map((shardId) => ({ ...ended, shardId, counter: 7 }));
    for (const row of again) leases.overwrite(row);
    await scan(again);
    expect(flushes.length - before).toBe(2);
    expect(ids.map((id) => leases.row(id)?.owes)).toEqual(ids.map(() => undefined));
  });
});
