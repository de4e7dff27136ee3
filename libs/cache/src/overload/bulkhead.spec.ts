import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { Bulkhead } from './bulkhead.js';

const table = 'things';
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'entered',
    (error: unknown): unknown => Reflect.get(Object(error), 'code'),
  );

describe('the bulkhead', () => {
  it('bounds what is under way and what waits, and refuses the rest', async () => {
    const bulkhead = new Bulkhead({ clock: new ManualClock(), table, inFlightMax: 2, queueMax: 1 });
    expect([1, 2, 3].map(() => bulkhead.tryEnter(1))).toEqual([true, true, false]);
    const waits = codeOf(bulkhead.enter({ timeoutMs: 100, share: 1 }));
    expect(await codeOf(bulkhead.enter({ timeoutMs: 100, share: 1 }))).toBe('QUEUE_FULL');
    bulkhead.leave();
    expect(await waits).toBe('entered');
    expect([bulkhead.inFlight, bulkhead.queued]).toEqual([2, 0]);
  });

  it('keeps half of the places from best effort, whose waiting holds up nobody else', async () => {
    const bulkhead = new Bulkhead({ clock: new ManualClock(), table, inFlightMax: 4, queueMax: 10 });
    expect([1, 2, 3].map(() => bulkhead.tryEnter(0.5))).toEqual([true, true, false]);
    const bestEffort = codeOf(bulkhead.enter({ timeoutMs: 100, share: 0.5 }));
    expect([bulkhead.tryEnter(1), bulkhead.tryEnter(1), bulkhead.tryEnter(1)]).toEqual([true, true, false]);
    const critical = codeOf(bulkhead.enter({ timeoutMs: 100, share: 1 }));
    bulkhead.leave();
    expect(await critical).toBe('entered');
    for (let n = 0; n < 3; n += 1) bulkhead.leave();
    expect(await bestEffort).toBe('entered');
  });

  it('ends a wait by its time-out, its signal, or close(), and leaves no timer', async () => {
    const clock = new ManualClock();
    const bulkhead = new Bulkhead({ clock, table, inFlightMax: 1, queueMax: 10 });
    bulkhead.tryEnter(1);
    const aborter = new AbortController();
    const late = codeOf(bulkhead.enter({ timeoutMs: 100, share: 1 }));
    const aborted = codeOf(bulkhead.enter({ timeoutMs: 1_000, share: 1, signal: aborter.signal }));
    const closed = codeOf(bulkhead.enter({ timeoutMs: 1_000, share: 1 }));
    aborter.abort();
    await clock.advance(100);
    bulkhead.close();
    await settle();
    expect(await Promise.all([late, aborted, closed])).toEqual(['TIMEOUT', 'ABORTED', 'CLOSED']);
    expect([clock.pending, bulkhead.queued, bulkhead.tryEnter(1)]).toEqual([0, 0, false]);
  });
});
