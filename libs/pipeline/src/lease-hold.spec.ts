import { describe, expect, it } from '@jest/globals';
import { silentLogger, TidemarkError, wait } from '@tidemark/runtime';
import { ManualClock, runs } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { LeaseObserver } from './lease-choice.js';
import { LeaseHold } from './lease-hold.js';
import { newLease } from './lease-row.js';
import { type LeaseStore, type ShardLease } from './ports.js';
import { StreamRetention } from './stream-retention.js';
import { FakeLeaseStore } from './testing/fake-lease-store.js';
import { TroubleLog } from './trouble-log.js';

const failoverMs = 9_000;

function held(make: (store: FakeLeaseStore, clock: ManualClock) => LeaseStore = (store) => store) {
  const clock = new ManualClock();
  const store = new FakeLeaseStore();
  const row: ShardLease = {
    ...newLease({ shardId: 's', parents: [], startHash: '0', endHash: '9' }, 'stream'),
    owner: 'a',
  };
  store.overwrite(row);
  const observer = new TroubleLog(silentLogger, {});
  const retention = new StreamRetention(3_600_000);
  retention.note(86_400_000, clock.now());
  const hold = new LeaseHold(
    {
      store: make(store, clock),
      clock,
      observer,
      retention,
      failoverMs,
      renewEveryMs: 1_000,
      callTimeoutMs: 3_000,
    },
    row,
    clock.monotonicMs(),
  );
  return { clock, store, hold };
}

/** A lease table that never answers once told so. */
function silent(store: FakeLeaseStore, isSilent: () => boolean): LeaseStore {
  const wrapped = Object.create(store) as FakeLeaseStore;
  wrapped.renew = (lease, readUpTo, signal) =>
    isSilent() ? new Promise(() => undefined) : store.renew(lease, readUpTo, signal);
  return wrapped;
}

describe('LeaseHold', () => {
  it('writes one row per interval: a checkpoint when it moved, else a renewal, and the claim with either', async () => {
    const { clock, store, hold } = held();
    await clock.advance(1_000);
    expect(store.row('s')).toMatchObject({ counter: 1, checkpoint: 'TRIM_HORIZON', readUpTo: null });
    hold.advance('7');
    hold.claim(500);
    hold.advance('8');
    hold.claim(400);
    await clock.advance(1_000);
    expect(store.row('s')).toMatchObject({ counter: 2, checkpoint: '8', readUpTo: 500 });
    hold.claim(600);
    await clock.advance(1_000);
    expect(store.row('s')).toMatchObject({ counter: 3, checkpoint: '8', readUpTo: 600 });
    hold.drop('the test is over');
  });

  it('hazard 68: puts what it claims in the place of what a clock that was ahead has claimed', async () => {
    const { clock, store, hold } = held();
    clock.jump(360_000);
    hold.claim(clock.now());
    await clock.advance(1_000);
    const ahead = clock.now() - 1_000;
    expect([hold.readUpTo, store.row('s')?.readUpTo]).toEqual([ahead, ahead]);
    clock.jump(-360_000);
    expect(hold.readUpTo).toBeNull();
    const now = clock.now();
    hold.claim(now);
    await clock.advance(1_000);
    expect([hold.readUpTo, store.row('s')?.readUpTo]).toEqual([now, now]);
    hold.drop('the test is over');
  });

  it('hazard 33: is over as soon as a write finds another counter', async () => {
    const { clock, store, hold } = held();
    await store.take(hold.row, 'b', new AbortController().signal);
    await clock.advance(1_000);
    expect(hold.signal.reason).toBe('taken by another worker');
    expect(await hold.write()).toBe(false);
    expect(store.row('s')).toMatchObject({ owner: 'b', counter: 1 });
    expect(clock.pending).toBe(0);
  });

  it('hazard 33: is over as soon as a reading of the table shows another owner, and not by a reading older than its own write', async () => {
    const { clock, store, hold } = held();
    const { signal } = new AbortController();
    const before = { ...hold.row, owner: null };
    await clock.advance(1_000);
    hold.observe(before);
    hold.observe(hold.row);
    expect(hold.signal.aborted).toBe(false);
    const taken = await store.take(hold.row, 'b', signal);
    if (taken !== undefined) hold.observe(taken);
    expect(hold.signal.reason).toBe('taken by another worker');
  });

  it('is over when no write succeeded in time, counted from before the last that did', async () => {
    let isSilent = false;
    const { clock, hold } = held((store) => silent(store, () => isSilent));
    await clock.advance(4_000);
    isSilent = true;
    await clock.advance(8_999);
    expect(hold.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(hold.signal.reason).toBe('not renewed in time');
  });

  it('outlives failures that are over in time', async () => {
    const { clock, store, hold } = held();
    store.fault = () => new TidemarkError('THROTTLED', 'slow down', { retriable: true });
    await clock.advance(7_500);
    store.fault = () => undefined;
    await clock.advance(20_000);
    expect(hold.signal.aborted).toBe(false);
    hold.drop('the test is over');
  });

  it('never has two writes on their way', async () => {
    const { store, hold } = held();
    hold.advance('7');
    const written = await Promise.all([hold.write(), hold.write(), hold.write()]);
    expect(written).toEqual([true, true, true]);
    expect(store.row('s')).toMatchObject({ counter: 3, checkpoint: '7' });
    hold.drop('the test is over');
  });

  it('gives back what it knows', async () => {
    const { clock, store, hold } = held();
    hold.advance('7');
    hold.claim(500);
    await hold.release();
    expect(store.row('s')).toMatchObject({ owner: null, checkpoint: '7', readUpTo: 500 });
    expect(clock.pending).toBe(0);
  });

  it('writes nothing after it was dropped', async () => {
    const { clock, store, hold } = held();
    hold.advance('7');
    hold.drop('killed');
    await hold.release();
    await clock.advance(10_000);
    expect(store.row('s')).toMatchObject({ owner: 'a', counter: 0, checkpoint: 'TRIM_HORIZON' });
  });
});

describe('LeaseHold that another worker asks for', () => {
  const { signal } = new AbortController();
  const ask = async (store: FakeLeaseStore): Promise<ShardLease> => {
    const row = store.row('s');
    const asked = row === undefined ? undefined : await store.ask(row, 'b', signal);
    if (asked === undefined) throw new Error('not asked');
    return asked;
  };

  it('learns it from its next write, writes no more, and hands over the last that it knows', async () => {
    const { clock, store, hold } = held();
    await clock.advance(1_000);
    const asked = await ask(store);
    expect(hold.asked.aborted).toBe(false);
    await clock.advance(1_000);
    expect([hold.asked.aborted, hold.signal.aborted]).toEqual([true, false]);
    hold.advance('7');
    hold.claim(500);
    await clock.advance(3_000);
    expect(store.row('s')).toEqual(asked);
    expect(await hold.release()).toBe('handed-over');
    const { checkpointOwner: _, ...rest } = asked;
    expect(store.row('s')).toEqual({
      ...rest,
      ...{ counter: asked.counter + 1, checkpoint: '7', writtenCheckpoint: '7', readUpTo: 500 },
    });
    expect(hold.signal.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('learns it from a reading of the table, and from none that is older than its own write', async () => {
    const { clock, store, hold } = held();
    const before = { ...hold.row, owner: 'b', checkpointOwner: 'a' };
    await clock.advance(1_000);
    hold.observe(before);
    expect(hold.asked.aborted).toBe(false);
    hold.observe(await ask(store));
    expect([hold.asked.aborted, hold.signal.aborted]).toEqual([true, false]);
    expect(await hold.release()).toBe('handed-over');
  });

  it('learns it in the middle of giving the lease back', async () => {
    const { store, hold } = held();
    await ask(store);
    expect(await hold.release()).toBe('handed-over');
    expect(store.row('s')).toMatchObject({ owner: 'b' });
    expect(store.row('s')?.checkpointOwner).toBeUndefined();
  });

  it('tries to hand over as often as there is time', async () => {
    const { clock, store, hold } = held();
    await ask(store);
    let failures = 2;
    store.fault = (operation) => {
      if (operation !== 'handOver' || (failures -= 1) < 0) return undefined;
      return new TidemarkError('THROTTLED', 'slow down', { retriable: true });
    };
    expect(await hold.release()).toBe('handed-over');
    expect(clock.pending).toBe(0);
  });

  it('is over when it has not handed the lease over by the time that it expires', async () => {
    const { clock, store, hold } = held();
    const asked = await ask(store);
    await clock.advance(8_999);
    expect([hold.asked.aborted, hold.signal.aborted]).toEqual([true, false]);
    await clock.advance(1);
    expect(hold.signal.reason).toBe('not renewed in time');
    expect(await hold.release()).toBe('neither');
    expect(store.row('s')).toEqual(asked);
  });

  it('is over when somebody has taken what it should hand over', async () => {
    const { clock, store, hold } = held();
    const asked = await ask(store);
    await clock.advance(1_000);
    const taken = await store.take(asked, 'c', signal);
    expect(await hold.release()).toBe('neither');
    expect(store.row('s')).toEqual(taken);
  });

  it('hands over a shard that it has just marked as ended, with the mark and what follows it', async () => {
    const { store, hold } = held();
    await ask(store);
    expect(await hold.end(400, ['s2', 's1'])).toBe(false);
    expect(hold.signal.aborted).toBe(false);
    expect(await hold.release()).toBe('handed-over');
    expect(store.row('s')).toMatchObject({ checkpoint: 'SHARD_END', readUpTo: 400, children: ['s1', 's2'] });
  });
});

describe('hazard 33: a holder and those who wait for its lease', () => {
  /** How the table treats one write: when it takes effect and when the answer comes, ms; `null`: never. */
  interface Treatment {
    readonly appliedAfterMs: number | null;
    readonly answeredAfterMs: number | null;
  }
  const delay = fc.option(fc.integer({ min: 0, max: 4_000 }), { nil: null, freq: 6 });
  const treatments: fc.Arbitrary<readonly Treatment[]> = fc.array(
    fc.record({ appliedAfterMs: delay, answeredAfterMs: delay }),
    { minLength: 1, maxLength: 12 },
  );

  it('the holder knows that its lease is over before anybody may take it, however the table treats its writes and whenever others look', async () => {
    await fc.assert(
      fc.asyncProperty(
        treatments,
        fc.array(fc.integer({ min: 50, max: 3_000 }), { minLength: 10, maxLength: 20 }),
        async (treated, looks) => {
          let writes = 0;
          const { clock, store, hold } = held((inner, manual) => {
            const slow = Object.create(inner) as FakeLeaseStore;
            slow.renew = async (lease, readUpTo, signal) => {
              const { appliedAfterMs, answeredAfterMs } = treated[(writes += 1) % treated.length] ?? {
                appliedAfterMs: 0,
                answeredAfterMs: 0,
              };
              if (appliedAfterMs === null) return new Promise(() => undefined);
              await wait(manual, appliedAfterMs);
              const row = await inner.renew(lease, readUpTo, new AbortController().signal);
              if (answeredAfterMs === null) return new Promise(() => undefined);
              await wait(manual, answeredAfterMs);
              if (signal.aborted) throw new TidemarkError('ABORTED', 'given up', { retriable: false });
              return row;
            };
            return slow;
          });
          const observer = new LeaseObserver();
          for (const ms of looks) {
            await clock.advance(ms);
            const row = store.row('s');
            if (row === undefined) throw new Error('no row');
            observer.observe([row], clock.monotonicMs());
            if (observer.stillMs(row, clock.monotonicMs()) >= failoverMs) expect(hold.signal.aborted).toBe(true);
          }
          hold.drop('the test is over');
        },
      ),
      runs(50),
    );
  });
});
