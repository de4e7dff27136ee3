import { describe, expect, it } from '@jest/globals';
import { isForeign, type CdcEvent } from '@tidemark/protocol';
import {
  Coherence,
  type CoherenceOptions,
  type Fence,
  type Installable,
  type KnownSet,
  PartitionState,
  type Verdict,
} from './internals.js';
import { type WorldOptions } from './testing/world-options.js';
import { exploreAll, exploreAtRandom, type Exploration } from './testing/explore.js';

/** Another seed takes other random walks. */
const seed = Number(process.env['TIDEMARK_MODEL_SEED'] ?? 1);

const everything: WorldOptions = {
  writes: 5,
  ownWrites: 3,
  fills: 4,
  duplicates: 2,
  evictions: 1,
  gaps: 1,
  restarts: 1,
  forgets: 1,
  invalidations: 1,
  deletes: true,
  foreign: ['keep', 'null'],
  leases: true,
  lowerIds: true,
  fast: true,
  late: true,
};

function report({ finding }: Exploration): string {
  return finding === undefined ? 'holds' : `${finding.problem}: ${finding.trace.join(' -> ')}`;
}

describe('every interleaving of a small run keeps I1 to I4', () => {
  it.each<[string, WorldOptions]>([
    [
      'puts, deletes, fills and a duplicate (hazards 1, 3, 4, 5, 6, 18, 19, 23)',
      { writes: 2, fills: 2, duplicates: 1, evictions: 1, deletes: true },
    ],
    [
      'a lost or late acknowledgement (hazards 9, 10, 42)',
      { writes: 2, ownWrites: 1, fills: 1, fast: true, late: true },
    ],
    ['foreign writers (hazards 14, 15, 43, 44)', { writes: 2, ownWrites: 1, fills: 1, foreign: ['keep', 'null'] }],
    [
      'a tool that restores old items, in mode invalidate (hazard 16)',
      { writes: 3, ownWrites: 2, foreign: ['restore'], mode: 'invalidate' },
    ],
    ['leases of other pods', { writes: 3, fills: 1, leases: true, deletes: true }],
    ['a gap with work in flight (hazard 45)', { writes: 2, ownWrites: 1, fills: 1, gaps: 1 }],
    ['a restart (hazard 24)', { writes: 2, fills: 2, restarts: 1 }],
  ])('%s', (_name, options) => {
    const exploration = exploreAll(options, 20_000);
    expect(report(exploration)).toBe('holds');
    expect(exploration.complete).toBe(true);
    expect(exploration.states).toBeGreaterThan(300);
  });
});

describe('random runs with everything at once keep I1 to I4', () => {
  it.each<[string, Partial<WorldOptions>]>([
    ['in mode update', {}],
    ['in mode invalidate (hazard 16)', { mode: 'invalidate', foreign: ['keep', 'null', 'restore'] }],
    ['with values left out of the fast lane', { fastWithoutValue: true }],
    ['without other writers’ tools', { foreign: [], leases: false, gaps: 0, restarts: 0, invalidations: 0 }],
  ])('%s', (_name, over) => {
    const exploration = exploreAtRandom({ ...everything, ...over }, 4_000, seed);
    expect(report(exploration)).toBe('holds');
    expect(exploration.states).toBeGreaterThan(50_000);
  });
});

type Make = NonNullable<WorldOptions['make']>;

/** Ends a fill or put as if nothing had happened since it began. */
class NoFillFence extends Coherence {
  override completeFill(fence: Fence, image: Installable): void {
    this.abandonFill(fence);
    super.completeFill(this.beginFill(fence.key), image);
  }
}

class NoPutFence extends Coherence {
  override completePut(fence: Fence, image: Installable): void {
    this.cancelWrite(fence);
    super.completePut(this.beginWrite(fence.key, fence.writeId), image);
  }
}

class DirtyFillsAreJoined extends Coherence {
  override joinable(): boolean {
    return true;
  }
}

/** A fenced fill leaves the entry alone, although it hands something else to its callers. */
class LenientFill extends Coherence {
  override completeFill(fence: Fence, image: Installable): void {
    if (this.joinable(fence)) super.completeFill(fence, image);
    else this.abandonFill(fence);
  }
}

class FlushKeepsEntries extends Coherence {
  override flush(): number {
    return 0;
  }
}

/** Applies an event as if the change log had brought it. */
class TakesTheFastLaneAtItsWord extends Coherence {
  override applyEvent(key: string, event: CdcEvent): Verdict {
    return super.applyEvent(key, { ...event, lane: 'cdc' });
  }
}

class ForeignIsOrdinary extends Coherence {
  override applyEvent(key: string, event: CdcEvent): Verdict {
    return super.applyEvent(key, isForeign(event) && event.to !== null ? { ...event, from: 'elsewhere' } : event);
  }
}

class HighestIdWins extends Coherence {
  override applyEvent(key: string, event: CdcEvent): Verdict {
    const held = this.peek(key)?.writeId ?? '';
    return event.to !== null && event.to < held ? { action: 'keep', rule: 8 } : super.applyEvent(key, event);
  }
}

class TimedOutIsKnown extends Coherence {
  readonly #known: KnownSet;
  constructor(options: CoherenceOptions, known: KnownSet) {
    super(options);
    this.#known = known;
  }
  override failWrite(fence: Fence): void {
    super.failWrite(fence);
    if (fence.writeId !== undefined) this.#known.add(fence.writeId);
  }
}

class KnownIsBehind extends Coherence {
  readonly #known: KnownSet;
  constructor(options: CoherenceOptions, known: KnownSet) {
    super(options);
    this.#known = known;
  }
  override applyEvent(key: string, event: CdcEvent): Verdict {
    const isKnown = !isForeign(event) && this.#known.has(event.to);
    return isKnown ? { action: 'keep', rule: 2 } : super.applyEvent(key, event);
  }
}

/** Installs the event's image where `when` is true of what is held, and the shipped rule would not. */
function installing(when: (held: ReturnType<Coherence['peek']>, event: CdcEvent) => boolean): Make {
  return (options) =>
    new (class extends Coherence {
      override applyEvent(key: string, event: CdcEvent): Verdict {
        const held = this.peek(key);
        const verdict = super.applyEvent(key, event);
        if (event.value !== null && !isForeign(event) && when(held, event)) {
          const entry = { writeId: event.to, stampUs: event.stampUs ?? 0, expiresAt: 0, readAt: 1, partition: 0 };
          options.l1.set(key, { ...entry, value: options.decode(event), source: 'event' }, 300);
        }
        return verdict;
      }
    })(options);
}

function ignoringGenerations(options: CoherenceOptions): Coherence {
  const state = new PartitionState();
  state.followed = 'a';
  return new Coherence({ ...options, partitionOf: () => ({ index: 0, state }) });
}

const noId = installing(
  (held, event) => typeof held?.value === 'string' && held.writeId === null && event.from === null,
);
const absenceTrusted = installing(
  (held, event) => held !== undefined && held.value === undefined && event.from === null,
);

describe('a planted bug leaves a pod wrong for ever', () => {
  it.each<[string, WorldOptions]>([
    ['hazard 1: fills without a fence', { writes: 2, fills: 2, make: (options) => new NoFillFence(options) }],
    ['hazard 2: fills read weakly', { writes: 2, fills: 2, fault: 'weak-reads' }],
    [
      'hazard 7: the highest write id wins',
      { writes: 3, fills: 2, lowerIds: true, make: (options) => new HighestIdWins(options) },
    ],
    ['hazard 10: puts without a fence', { writes: 3, ownWrites: 1, make: (options) => new NoPutFence(options) }],
    [
      'hazard 15: a foreign update that keeps the id passes for the write',
      { writes: 3, ownWrites: 1, fills: 2, foreign: ['keep'], make: (options) => new ForeignIsOrdinary(options) },
    ],
    [
      'hazard 16: mode update where a tool restores old items',
      { writes: 3, ownWrites: 2, fills: 1, foreign: ['restore'] },
    ],
    [
      'hazard 16: what a tool restores is taken for known',
      {
        ...{ writes: 3, ownWrites: 1, fills: 1, foreign: ['restore'], mode: 'invalidate' },
        make: (options, known) => new KnownIsBehind(options, known),
      },
    ],
    ['hazard 19: an absence is trusted', { writes: 3, fills: 2, deletes: true, make: absenceTrusted }],
    [
      'hazards 23 and 24: an event creates an entry',
      { writes: 2, restarts: 1, make: installing((held) => held === undefined) },
    ],
    ['hazard 43: no id equals no id', { writes: 3, fills: 2, foreign: ['null'], make: noId }],
    [
      'hazards 42 and 44: a write that timed out is known',
      {
        ...{ writes: 4, ownWrites: 2, fills: 2, deletes: true, late: true },
        make: (o, known) => new TimedOutIsKnown(o, known),
      },
    ],
    ['hazard 45: generations are ignored', { writes: 1, fills: 1, gaps: 1, make: ignoringGenerations }],
    ['hazard 45: a flush keeps its entries', { writes: 2, fills: 1, gaps: 1, make: (o) => new FlushKeepsEntries(o) }],
    ['hazard 46: the fast lane carries a stamp', { writes: 5, fills: 2, fast: true, fault: 'fast-stamps' }],
  ])('%s', (_name, options) => {
    const exploration = exploreAtRandom({ ...options, permanentOnly: true }, 60_000, seed);
    expect(report(exploration)).toMatch(/^I1 permanent/);
  });
});

describe('a planted bug lets reads go back', () => {
  it.each<[string, WorldOptions]>([
    [
      'hazard 21: a dirty fill is joined',
      { writes: 2, ownWrites: 1, fills: 2, make: (options) => new DirtyFillsAreJoined(options) },
    ],
    [
      'hazard 22: a fenced fill leaves a differing entry',
      { writes: 3, ownWrites: 1, fills: 3, make: (options) => new LenientFill(options) },
    ],
    [
      'a fast event without its value is applied',
      { writes: 3, fills: 2, fast: true, fastWithoutValue: true, make: (o) => new TakesTheFastLaneAtItsWord(o) },
    ],
  ])('%s', (_name, options) => {
    expect(report(exploreAtRandom(options, 60_000, seed))).toMatch(/^I2|^the entry is not/);
  });
});

describe('a walk', () => {
  it('is the same again with the same seed', () => {
    const planted: WorldOptions = { ...everything, make: (options) => new NoFillFence(options) };
    expect(exploreAtRandom(planted, 1_000, seed)).toEqual(exploreAtRandom(planted, 1_000, seed));
  });
});
