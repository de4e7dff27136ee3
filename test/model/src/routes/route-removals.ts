import { Coherence, TableFollower } from '@tidemark/cache/internals';
import { type RouteOptions, type Topics } from './route-options.js';

/** A safeguard taken away, and the least that shows what it is for. */
export interface RouteRemoval {
  /** The hazard, and what is missing. */
  readonly name: string;
  readonly options: RouteOptions;
  readonly breaks: RegExp;
}

const forEver = /^I1: the pod keeps/;

const jump: readonly Topics[] = [{ a: 1 }, { b: 2 }];

class FlushKeepsEntries extends Coherence {
  override flush(): number {
    return 0;
  }
}

/** Flushes, but lets what is in flight be installed. */
class FlushForgetsFlights extends TableFollower {
  override applyWatermark(topic: string, partition: number, at: number, since: number): void {
    const state = this.partitionOf('things:k')?.state;
    const raise = state?.raiseGeneration.bind(state);
    if (state !== undefined) state.raiseGeneration = () => undefined;
    super.applyWatermark(topic, partition, at, since);
    if (state !== undefined && raise !== undefined) state.raiseGeneration = raise;
  }
}

/** Takes no note of a version that it did not expect on the topic that it follows. */
class SinceIsIgnored extends TableFollower {
  override applyWatermark(topic: string, partition: number, at: number, since: number): void {
    const state = this.partitionOf('things:k')?.state;
    if (state?.followed === topic) state.since.set(topic, since);
    super.applyWatermark(topic, partition, at, since);
  }
}

/** Takes what a watermark claims, whatever route it has read. */
class BelievesAtOnce extends TableFollower {
  override applyWatermark(topic: string, partition: number, at: number, since: number): void {
    super.applyWatermark(topic, partition, at, since);
    const state = this.partitionOf('things:k')?.state;
    if (state?.followed === topic && at > state.watermark) state.watermark = at;
  }
}

const newFollower = (Removed: new (table: string, onFlush: () => void) => TableFollower) => (): TableFollower =>
  new Removed('things', () => undefined);

const small = { writes: 1, fills: 1 } as const;

export const routeRemovals: readonly RouteRemoval[] = [
  {
    name: 'hazard 47: the routes are not read to their end when a partition is assigned',
    options: { ...small, routes: jump, rebalances: 2, fault: 'no-barrier' },
    breaks: forEver,
  },
  {
    name: 'hazard 47: watermarks with one since for ever',
    options: { ...small, routes: [{ a: 1 }, { b: 2 }, { a: 3 }], fault: 'one-since' },
    breaks: forEver,
  },
  {
    name: 'hazard 66: a topic that comes back with its old since',
    options: { ...small, routes: [{ a: 1 }, { b: 2 }, { a: 1, b: 2 }, { a: 1 }] },
    breaks: forEver,
  },
  {
    name: 'hazard 31: a flush at the switch that keeps the entries',
    options: { ...small, routes: jump, newCoherence: (options) => new FlushKeepsEntries(options) },
    breaks: forEver,
  },
  {
    name: 'hazards 31 and 45: a switch without a new generation',
    options: { ...small, routes: jump, newFollower: newFollower(FlushForgetsFlights) },
    breaks: forEver,
  },
  {
    name: 'hazard 47: a higher since on the followed topic is ignored',
    options: { ...small, routes: [{ a: 1 }, { b: 2 }, { a: 3 }], newFollower: newFollower(SinceIsIgnored) },
    breaks: forEver,
  },
  {
    name: 'hazard 30: records are committed before they are sent',
    options: { ...small, routes: [{ a: 1 }], rebalances: 1, fault: 'commit-first' },
    breaks: forEver,
  },
  {
    name: 'hazard 26: a position that jumped goes unseen',
    options: { ...small, routes: [{ a: 1 }], reconnections: 1, fault: 'gap-unseen' },
    breaks: forEver,
  },
  {
    name: 'hazard 31: a record reaches the first of two topics alone, and is committed',
    options: { ...small, routes: [{ a: 1 }, { a: 1, b: 2 }], partialSends: 1, rebalances: 1, fault: 'commit-first' },
    breaks: forEver,
  },
  {
    name: 'hazard 30: a rewind goes beyond what was sent',
    options: { ...small, routes: [{ a: 1 }], rewinds: 1, fault: 'rewinds-forward' },
    breaks: forEver,
  },
  {
    name: 'hazard 30: a replay of other keys leaves out what had not been sent',
    options: { ...small, writes: 2, routes: [{ a: 1 }], rewinds: 1, rewindsOthers: true, fault: 'replays-beyond' },
    breaks: forEver,
  },
  {
    name: 'hazards 31 and 47: a filter lies over the topic, and its watermarks are believed before the route is read',
    options: {
      ...small,
      routes: [{ a: 1 }, { a: { since: 2, buckets: ['others'] }, b: 2 }],
      marks: 1,
      newFollower: newFollower(BelievesAtOnce),
    },
    breaks: /^I3/,
  },
];
