import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { destinationVerdict } from './destination-verdict.js';
import { type DestinationLook } from './ports.js';

const apartMsMax = 90;
const look = (lookedAt: number, fields: Partial<DestinationLook> = {}): DestinationLook => ({
  status: 'ACTIVE',
  description: null,
  precision: 'MICROSECOND',
  lookedAt,
  ...fields,
});

describe('hazard 51: destinationVerdict', () => {
  it.each<[string, DestinationLook | undefined, DestinationLook, object]>([
    ['goes on between two looks that are alike and close', look(20), look(100), { type: 'go-on' }],
    [
      'withholds what is not active',
      look(20),
      look(100, { status: 'ENABLING' }),
      { type: 'withhold', why: 'ENABLING' },
    ],
    ['withholds what was never active', undefined, look(100, { status: 'NONE' }), { type: 'withhold', why: 'NONE' }],
    ['flushes what was never seen', undefined, look(100), { type: 'flush', why: 'destination-never-seen' }],
    [
      'flushes what was not active',
      look(20, { status: 'DISABLED' }),
      look(100),
      { type: 'flush', why: 'destination-was-not-active' },
    ],
    [
      'flushes what has another precision',
      look(20, { precision: 'MILLISECOND' }),
      look(100),
      { type: 'flush', why: 'destination-changed' },
    ],
    [
      'flushes what is described otherwise',
      look(20),
      look(100, { description: 'beside one DISABLED' }),
      { type: 'flush', why: 'destination-changed' },
    ],
    ['flushes what was not watched', look(10), look(100), { type: 'flush', why: 'destination-not-watched' }],
    [
      'flushes what was looked at in the future',
      look(9_000),
      look(100),
      { type: 'flush', why: 'destination-not-watched' },
    ],
    ['allows clocks that differ a little', look(4_000), look(100), { type: 'go-on' }],
  ])('%s', (_, before, now, expected) => {
    expect(destinationVerdict(before, now, now.lookedAt + 5, apartMsMax)).toEqual(expected);
  });

  it('lets no watermark pass a hole that was not flushed, whoever looks, dies or remembers, if no hole is as short as two looks are apart', () => {
    fc.assert(
      fc.property(holes, turns, (changes, schedule) => {
        const run = new Watched(changes);
        for (const turn of schedule) run.play(turn);
        expect(run.passed).toEqual([]);
      }),
      runs(),
    );
  });

  it('is given holes to pass: with holes shorter than that, some would be', () => {
    const short = fc.record({ afterMs: fc.integer({ min: 1, max: 200 }), forMs: fc.integer({ min: 1, max: 20 }) });
    const property = fc.property(fc.array(short, { maxLength: 8 }), turns, (changes, schedule) => {
      const run = new Watched(changes);
      for (const turn of schedule) run.play(turn);
      return run.passed.length === 0;
    });
    expect(fc.check(property, runs()).failed).toBe(true);
  });
});

interface Hole {
  /** After the end of the one before, ms. */
  readonly afterMs: number;
  readonly forMs: number;
}

type Turn =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'look'; readonly worker: number; readonly takesMs: number; readonly remembers: boolean }
  | { readonly do: 'die' | 'publish'; readonly worker: number };

const holes: fc.Arbitrary<readonly Hole[]> = fc.array(
  fc.record({ afterMs: fc.integer({ min: 1, max: 400 }), forMs: fc.integer({ min: apartMsMax + 1, max: 300 }) }),
  { maxLength: 5 },
);
const worker = fc.nat(1);
const turns: fc.Arbitrary<readonly Turn[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 70 }) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('look' as const),
        worker,
        takesMs: fc.integer({ min: 0, max: 20 }),
        remembers: fc.boolean(),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('publish' as const), worker }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), worker }) },
  ),
  { minLength: 10, maxLength: 60 },
);

/** Two workers that look at one table as `DestinationWatch` does; a flush is acknowledged at once. */
class Watched {
  readonly passed: string[] = [];
  readonly #holes: readonly { readonly from: number; readonly to: number }[];
  readonly #workers: (DestinationLook | undefined)[] = [undefined, undefined];
  #stored: DestinationLook | undefined;
  #now = 0;
  #flushedAt = -Infinity;

  constructor(changes: readonly Hole[]) {
    let at = 0;
    this.#holes = changes.map(({ afterMs, forMs }) => {
      const from = at + afterMs;
      at = from + forMs;
      return { from, to: at };
    });
  }

  play(turn: Turn): void {
    switch (turn.do) {
      case 'wait':
        this.#now += turn.ms;
        return;
      case 'die':
        this.#workers[turn.worker] = undefined;
        return;
      case 'publish':
        return this.#publish(this.#workers[turn.worker]);
      case 'look':
        return this.#look(turn);
    }
  }

  #look({ worker: index, takesMs, remembers }: Extract<Turn, { do: 'look' }>): void {
    const before = this.#lastLook(this.#workers[index]);
    const isActive = !this.#holes.some(({ from, to }) => from <= this.#now && this.#now < to);
    const seen = look(this.#now, { status: isActive ? 'ACTIVE' : 'DISABLED' });
    this.#now += takesMs;
    const verdict = destinationVerdict(before, seen, this.#now, apartMsMax);
    if (verdict.type === 'flush') this.#flushedAt = this.#now;
    this.#workers[index] = seen;
    if (remembers && timeOf(this.#stored) <= seen.lookedAt) this.#stored = seen;
  }

  #lastLook(own: DestinationLook | undefined): DestinationLook | undefined {
    const isYoung = this.#now - timeOf(own) <= apartMsMax;
    return isYoung || timeOf(own) > timeOf(this.#stored) ? own : this.#stored;
  }

  #publish(last: DestinationLook | undefined): void {
    if (last?.status !== 'ACTIVE' || this.#now - last.lookedAt > apartMsMax) return;
    for (const { from, to } of this.#holes)
      if (to <= last.lookedAt && this.#flushedAt < to) this.passed.push(`${from}–${to} at ${this.#now}`);
  }
}

function timeOf(seen: DestinationLook | undefined): number {
  return seen?.lookedAt ?? -Infinity;
}
