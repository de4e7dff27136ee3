import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import {
  backoffMs,
  isTidemarkError,
  MetricRegistry,
  parseByteSize,
  parseDuration,
  parseDurationOrZero,
  systemClock,
  TidemarkError,
  wait,
  withDeadline,
} from './index.js';
import { every } from './clock.js';
import { ManualClock, runs, settle } from './testing/index.js';

describe('withDeadline', () => {
  it('rejects with TIMEOUT at the deadline and aborts the work', async () => {
    const clock = new ManualClock();
    let seen: AbortSignal | undefined;
    const result = withDeadline({ clock, timeoutMs: 50, what: 'read' }, (signal) => {
      seen = signal;
      return new Promise<never>(() => undefined);
    }).catch((error: unknown) => error);
    await clock.advance(49);
    expect(seen?.aborted).toBe(false);
    await clock.advance(1);
    expect(isTidemarkError(await result, 'TIMEOUT')).toBe(true);
    expect(seen?.aborted).toBe(true);
  });

  it('says whole milliseconds of what is left of another deadline', async () => {
    const clock = new ManualClock();
    const never = (): Promise<never> => new Promise(() => undefined);
    const result = withDeadline({ clock, timeoutMs: 999.995, what: 'read' }, never);
    const failed = expect(result).rejects.toThrow('read took longer than 1000 ms');
    await clock.advance(1_000);
    await failed;
  });

  it('leaves no timer behind when the work ends first', async () => {
    const clock = new ManualClock();
    await expect(withDeadline({ clock, timeoutMs: 50, what: 'read' }, async () => 7)).resolves.toBe(7);
    expect(clock.pending).toBe(0);
  });

  it('rejects with ABORTED when the caller gives up, before or during the work', async () => {
    const clock = new ManualClock();
    const aborter = new AbortController();
    const during = withDeadline(
      { clock, timeoutMs: 50, what: 'read', signal: aborter.signal },
      () => new Promise<never>(() => undefined),
    );
    aborter.abort();
    await expect(during).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(
      withDeadline({ clock, timeoutMs: 50, what: 'read', signal: aborter.signal }, async () => 1),
    ).rejects.toMatchObject({ code: 'ABORTED' });
    expect(clock.pending).toBe(0);
  });
});

describe('withDeadline with something that is no signal', () => {
  it.each(['x', 5, {}, { addEventListener: 1 }])(
    'refuses %j by name, begins nothing and leaves no timer',
    async (signal) => {
      const clock = new ManualClock();
      let begun = false;
      const call = withDeadline({ clock, timeoutMs: 50, what: 'read', signal: signal as never }, async () => {
        begun = true;
      });
      await expect(call).rejects.toMatchObject({ code: 'INVALID_OPTIONS', context: { field: 'signal' } });
      expect([begun, clock.pending]).toEqual([false, 0]);
    },
  );

  it('takes none, and a signal of another make', async () => {
    const clock = new ManualClock();
    const other = { aborted: false, addEventListener: () => undefined, removeEventListener: () => undefined };
    for (const signal of [undefined, null, other])
      await expect(
        withDeadline({ clock, timeoutMs: 50, what: 'read', signal: signal as never }, async () => 7),
      ).resolves.toBe(7);
  });
});

describe('systemClock', () => {
  it('waits for longer than a timer of Node can, and stops waiting', () => {
    jest.useFakeTimers();
    try {
      let fired = 0;
      const day = 86_400_000;
      systemClock.setTimer(() => (fired += 1), 60 * day);
      const cancel = systemClock.setTimer(() => (fired += 100), 60 * day);
      jest.advanceTimersByTime(59 * day);
      cancel();
      expect(fired).toBe(0);
      jest.advanceTimersByTime(day);
      expect(fired).toBe(1);
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('wait and every', () => {
  it('ends early without failing when the signal is aborted', async () => {
    const clock = new ManualClock();
    const aborter = new AbortController();
    let done = false;
    void wait(clock, 1_000, aborter.signal).then(() => (done = true));
    await settle();
    expect(done).toBe(false);
    aborter.abort();
    await settle();
    expect(done).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('never runs two turns at once and stops', async () => {
    const clock = new ManualClock();
    let running = 0;
    let turns = 0;
    const stop = every(clock, 10, async () => {
      running += 1;
      expect(running).toBe(1);
      await wait(clock, 25);
      running -= 1;
      turns += 1;
    });
    await clock.advance(105);
    expect(turns).toBe(3);
    stop();
    await clock.advance(100);
    expect(turns).toBe(3);
  });
});

describe('durations and sizes', () => {
  it('reads every unit', () => {
    expect([parseDuration('250ms', 'f'), parseDuration('1.5s', 'f'), parseDuration('2h', 'f')]).toEqual([
      250, 1_500, 7_200_000,
    ]);
    expect([parseByteSize('1kb', 'f'), parseByteSize('256mb', 'f')]).toEqual([1_024, 268_435_456]);
  });

  it.each(['5', '-1s', '0s', 's', '1 s', 'Infinitys', '1w'])('refuses %s and names the field', (text) => {
    expect(() => parseDuration(text as '1s', 'warmUp.deadline')).toThrow(/warmUp\.deadline: expected a duration/);
  });
});

describe('durations and sizes at their edges', () => {
  it('gives whole bytes, rounded down, and at least one', () => {
    expect([parseByteSize('10.3mb', 'f'), parseByteSize('1.5b', 'f')]).toEqual([10_800_332, 1]);
    expect(() => parseByteSize('0.5b', 'maxSize')).toThrow(/maxSize: expected a size such as/);
  });

  it('refuses what would not fit into an item once it is added to the time of day', () => {
    expect(parseDuration('365000d', 'f')).toBe(365_000 * 86_400_000);
    expect(() => parseDuration('365001d', 'expiresIn')).toThrow(
      'expiresIn: expected a duration of at most 365000d, got "365001d"',
    );
  });

  it.each([[5n], [Symbol('s')], [{ self: null }], [() => 1], [null]])(
    'tells what it got when JSON could not',
    (given) => {
      if (typeof given === 'object' && given !== null) Object.assign(given, { self: given });
      for (const parse of [parseDuration, parseByteSize, parseDurationOrZero])
        expect(() => parse(given as never, 'a.field')).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
    },
  );
});

describe('backoffMs', () => {
  it('doubles up to its bound and stays within half and full', () => {
    const delays = [1, 2, 3, 10, 1_000].map((attempt) =>
      backoffMs(attempt, { initialMs: 100, maxMs: 1_000, random: () => 0 }),
    );
    expect(delays).toEqual([50, 100, 200, 500, 500]);
    expect(backoffMs(2, { initialMs: 100, maxMs: 1_000, random: () => 0.999 })).toBeLessThanOrEqual(200);
  });
});

describe('isTidemarkError', () => {
  it('knows an error of another copy of the module by its brand', () => {
    const foreign = Object.assign(new Error('x'), { [Symbol.for('@tidemark/error')]: true, code: 'TIMEOUT' });
    expect(isTidemarkError(foreign)).toBe(true);
    expect(isTidemarkError(foreign, 'CLOSED')).toBe(false);
    expect(isTidemarkError(new Error('x'))).toBe(false);
    expect(isTidemarkError(new TidemarkError('CLOSED', 'closed', { retriable: false }), 'CLOSED')).toBe(true);
  });
});

describe('MetricRegistry', () => {
  it('gives one series per label set, whatever the order of labels', () => {
    const metrics = new MetricRegistry();
    metrics.counter('a_total', 'A.', { x: '1', y: '2' }).value += 1;
    metrics.counter('a_total', 'A.', { y: '2', x: '1' }).value += 1;
    const [family] = metrics.collect();
    expect([...(family?.series.values() ?? [])]).toEqual([{ labels: { x: '1', y: '2' }, value: 2 }]);
  });

  it('forgets what is taken away by some of its labels, and counts it from 0 when it comes again', () => {
    const metrics = new MetricRegistry();
    const labels = [
      { x: '1', y: '2' },
      { x: '1', y: '3' },
      { x: '2', y: '2' },
    ];
    for (const each of labels) metrics.counter('a_total', 'A.', each).value += 1;
    metrics.remove('a_total', { x: '1' });
    metrics.remove('other_total', { x: '1' });
    expect([...(metrics.collect()[0]?.series.values() ?? [])]).toEqual([{ labels: labels[2], value: 1 }]);
    expect(metrics.counter('a_total', 'A.', { x: '1', y: '2' }).value).toBe(0);
  });

  it('asks its collectors until they are taken away', () => {
    const metrics = new MetricRegistry();
    let calls = 0;
    const count = (): void => void (calls += 1);
    const away = metrics.onCollect(count);
    metrics.onCollect(count);
    metrics.collect();
    away();
    away();
    metrics.collect();
    expect(calls).toBe(3);
  });

  it('counts observations cumulatively', () => {
    const histogram = new MetricRegistry().histogram('a_seconds', 'A.', [0.1, 1]);
    for (const value of [0.05, 0.5, 5]) histogram.observe(value);
    expect(histogram).toMatchObject({ counts: [1, 2], count: 3, sum: 5.55 });
  });
});

describe('numbers with a unit, whatever is given', () => {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

  it('say what they say', () => {
    const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), unit, (amount, name) => {
        return parseDuration(`${amount}${name}`, 'f') === amount * units[name];
      }),
      runs(),
    );
  });

  it('are positive and finite, or refused by name', () => {
    const near = fc.string({ unit: fc.constantFrom(...'0123456789.-+e', 'ms', 's', 'kb', 'b', ' '), maxLength: 6 });
    fc.assert(
      fc.property(fc.oneof(near, fc.anything()), fc.constantFrom(parseDuration, parseByteSize), (given, parse) => {
        try {
          const amount = parse(given as never, 'a.field');
          return typeof given === 'string' && Number.isFinite(amount) && amount > 0;
        } catch (error) {
          return isTidemarkError(error, 'INVALID_OPTIONS') && error.message.startsWith('a.field: expected ');
        }
      }),
      runs(),
    );
  });
});

it('backoffMs waits at least half its step and never longer than its limit', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const ms = fc.integer({ min: 1, max: 1_000_000 });
  fc.assert(
    fc.property(fc.integer({ min: -1, max: 2_000 }), ms, ms, random, (attempt, initialMs, maxMs, chance) => {
      const delay = backoffMs(attempt, { initialMs, maxMs, random: () => chance });
      return delay >= Math.min(initialMs, maxMs) / 2 && delay <= maxMs;
    }),
    runs(),
  );
});
