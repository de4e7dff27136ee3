import { beforeEach, describe, expect, it } from '@jest/globals';
import { type ErrorCode, TidemarkError } from '@tidemark/runtime';
import { ManualClock } from '@tidemark/runtime/testing';
import { type KeyPage, type KeyScan, type Store } from '../backend.js';
import { FakeStore } from '../testing/fake-store.js';
import { ScanSource } from './key-source.js';
import { warmUpPlan } from './warm-up-options.js';

const failure = (code: ErrorCode, retriable: boolean): TidemarkError => new TidemarkError(code, 'no', { retriable });
let clock: ManualClock;
let store: Pick<Store, 'scanKeys'> & { readKeysMax?: number };
/** Pages that were asked for, and what each of them fails with. */
let scans: KeyScan[];
let failures: TidemarkError[];

beforeEach(() => {
  clock = new ManualClock();
  scans = [];
  failures = [];
  const items = new FakeStore({ clock });
  for (const itemKey of ['things:a', 'things:b', 'things:', 'other:c'])
    items.writeItem('things', { key: { S: itemKey }, value: { S: '1' } });
  const scanKeys = async (table: string, scan: KeyScan, call: { timeoutMs: number }): Promise<KeyPage> => {
    scans.push(scan);
    const error = failures.shift();
    if (error !== undefined) throw error;
    return items.scanKeys(table, scan, call);
  };
  store = Object.assign(Object.create(items) as Store, { scanKeys });
});

/** All keys of a scan. */
async function keysOf(): Promise<readonly string[]> {
  const plan = warmUpPlan('warmUp', { strategy: 'scan', segments: 1 });
  if (plan === undefined) throw new Error('expected a plan');
  const common = { table: 'things', bucket: 'things', batchKeys: 100, timeoutMs: 1_000 };
  const source = new ScanSource({ ...common, store: store as Store, plan, clock });
  const keys: string[] = [];
  for await (const batch of source.batches(new AbortController().signal)) keys.push(...batch.keys);
  return keys.sort();
}

describe('a scan for keys', () => {
  it('finds those of the cache, and none that a get could not ask for', async () => {
    await expect(keysOf()).resolves.toEqual(['a', 'b']);
    expect(scans.map(({ examineMax }) => examineMax)).toEqual([1_000]);
  });

  it('has pages no larger than what the store has for one request: two items for a key', async () => {
    store.readKeysMax = 1;
    await expect(keysOf()).resolves.toEqual(['a', 'b']);
    expect(scans.map(({ examineMax }) => examineMax)).toEqual([2, 2]);
  });

  it('asks again for a page that the table had no time for', async () => {
    failures = [failure('OVERLOADED', true), failure('THROTTLED', true)];
    const keys = keysOf();
    await clock.advance(600);
    await expect(keys).resolves.toEqual(['a', 'b']);
    expect(scans.length).toBe(3);
  });

  it('fails where asking again is of no use, or has been of none', async () => {
    failures = [failure('ACCESS_DENIED', false)];
    await expect(keysOf()).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    expect(scans.length).toBe(1);
    failures = Array.from({ length: 20 }, () => failure('THROTTLED', true));
    const keys = keysOf();
    keys.catch(() => undefined);
    await clock.advance(30_000);
    await expect(keys).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(scans.length).toBe(11);
  });
});
