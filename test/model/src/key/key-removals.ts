import { Coherence, type CoherenceOptions, KnownSet } from '@tidemark/cache/internals';
import * as broken from './key-broken.js';
import { type KeyOptions } from './key-options.js';

/** A safeguard taken away, and the least that shows what it is for. */
export interface Removal {
  /** The hazard, and what is missing. */
  readonly name: string;
  readonly options: KeyOptions;
  /** What comes of it. */
  readonly breaks: RegExp;
}

type Make = NonNullable<KeyOptions['make']>;

const forEver = /^I1: the pod keeps/;
const back = /^I2/;

const absenceTrusted = broken.installing(
  (held, event) => held !== undefined && held.value === undefined && event.from === null,
);
const nullTrusted = broken.installing(
  (held, event) => held?.value !== undefined && held.writeId === null && event.from === null,
);
/** The known-set may forget at any time; here it does at once, so that fewer steps show it. */
const forgetfulStampKeeper: Make = (options) => new broken.FastKeepsTheStamp({ ...options, known: new KnownSet(0) });
const timedOutIsKnown: Make = (options, known) => new broken.TimedOutIsKnown(options, known);

const make =
  (Removed: new (options: CoherenceOptions) => Coherence): Make =>
  (options) =>
    new Removed(options);

export const removals: readonly Removal[] = [
  {
    name: 'hazard 1: fills without a fence',
    options: { writes: 1, fills: 1, make: make(broken.NoFillFence) },
    breaks: forEver,
  },
  { name: 'hazard 2: fills read weakly', options: { writes: 1, fills: 1, fault: 'weak-reads' }, breaks: forEver },
  {
    name: 'hazard 3: deletes without a fence',
    options: { writes: 3, fills: 1, ownWrites: 1, deletes: 'remove', make: make(broken.NoDeleteFence) },
    breaks: forEver,
  },
  {
    name: 'hazard 5: stamps believed without a margin',
    options: { writes: 3, fills: 1, offStamp: 3, make: make(broken.NoMargin) },
    breaks: forEver,
  },
  {
    name: 'hazard 9: an attempt of unknown outcome leaves the entry',
    options: { writes: 2, fills: 1, ownWrites: 1, make: make(broken.AmbiguityKeepsTheEntry) },
    breaks: back,
  },
  {
    name: 'hazard 10: puts without a fence',
    options: { writes: 2, ownWrites: 1, make: make(broken.NoPutFence) },
    breaks: forEver,
  },
  {
    name: 'hazard 15: a foreign update that keeps the id passes for a write',
    options: { writes: 2, fills: 1, ownWrites: 1, foreign: ['keep'], make: make(broken.ForeignIsOrdinary) },
    breaks: forEver,
  },
  {
    name: 'hazard 15: a foreign update spares the put whose id it kept',
    options: { writes: 2, ownWrites: 1, foreign: ['keep'], make: make(broken.ForeignEventSparesThePut) },
    breaks: forEver,
  },
  {
    name: 'hazard 16: a write id that a tool has restored passes for known',
    options: {
      ...{ writes: 3, ownWrites: 1, fills: 1, foreign: ['restore'], mode: 'invalidate' },
      make: make(broken.KnownIsBehind),
    },
    breaks: forEver,
  },
  {
    name: 'hazard 16: events of a table with restored write ids are applied, which goes back for a while',
    options: {
      ...{ writes: 3, ownWrites: 2, fills: 1, foreign: ['restore'], mode: 'invalidate' },
      make: (options) => new Coherence({ ...options, mode: 'update' }),
    },
    breaks: back,
  },
  {
    name: 'hazard 19: a cached absence is trusted',
    options: { writes: 3, fills: 1, deletes: 'remove', make: absenceTrusted },
    breaks: forEver,
  },
  {
    name: 'hazard 21: a fill that is dirty is joined',
    options: { writes: 2, fills: 1, ownWrites: 1, make: make(broken.DirtyFillsAreJoined) },
    breaks: back,
  },
  {
    name: 'hazard 22: a fenced fill leaves an entry that differs from what it hands out',
    options: { writes: 3, fills: 2, ownWrites: 1, make: make(broken.LenientFill) },
    breaks: back,
  },
  {
    name: 'hazard 23: an event creates an entry',
    options: { writes: 2, evictions: 1, make: broken.installing((held) => held === undefined) },
    breaks: forEver,
  },
  {
    name: 'hazard 24: an event creates an entry after a restart',
    options: { writes: 2, restarts: 1, fast: true, make: broken.installing((held) => held === undefined) },
    breaks: forEver,
  },
  {
    name: 'hazard 25: what is read before the positions are fixed is kept',
    options: { writes: 1, fills: 1, restarts: 1, fault: 'no-gate' },
    breaks: forEver,
  },
  {
    name: 'hazards 26 and 45: a flush without a new generation',
    options: { writes: 1, fills: 1, gaps: 1, make: broken.ignoringGenerations },
    breaks: forEver,
  },
  {
    name: 'hazard 45: a flush that keeps the entries',
    options: { writes: 1, fills: 1, gaps: 1, make: make(broken.FlushKeepsEntries) },
    breaks: forEver,
  },
  {
    name: 'hazards 42 and 44: a write that timed out is known',
    options: { writes: 4, fills: 1, ownWrites: 2, deletes: 'remove', late: true, make: timedOutIsKnown },
    breaks: forEver,
  },
  {
    name: 'hazard 44: a write id is looked up before an event is asked whether it is foreign',
    options: { writes: 2, ownWrites: 1, foreign: ['keep'], make: make(broken.KnownBeforeForeign) },
    breaks: forEver,
  },
  {
    name: 'hazard 43: no write id equals no write id',
    options: { writes: 3, fills: 1, foreign: ['null'], deletes: 'remove', make: nullTrusted },
    breaks: forEver,
  },
  {
    name: 'hazard 46: the fast lane carries the stamp of a clock that runs ahead',
    options: { writes: 5, fills: 1, fast: true, fault: 'fast-stamps' },
    breaks: forEver,
  },
  {
    name: 'hazard 46: an applied fast event leaves the old stamp',
    options: { writes: 5, fills: 1, fast: true, make: forgetfulStampKeeper },
    breaks: back,
  },
  {
    name: 'a fast event without its value is applied',
    options: { writes: 2, fills: 1, fast: true, fastWithoutValue: true, make: make(broken.TakesTheFastLaneAtItsWord) },
    breaks: /^the entry is not what/,
  },
  {
    name: 'hazard 11: a write whose answer was lost is sent again with its write id',
    options: { writes: 4, fills: 1, ownWrites: 2, late: true, deletes: 'remove', fault: 'same-id' },
    breaks: back,
  },
  {
    name: 'hazard 1: an install leaves the fills beside it clean',
    options: { writes: 3, fills: 2, forced: true, make: make(broken.InstallsDirtyNothing) },
    breaks: back,
  },
  {
    name: 'hazard 10: an acknowledgement leaves the fills beside it clean',
    options: { writes: 2, fills: 1, ownWrites: 1, make: make(broken.AcknowledgementsDirtyNothing) },
    breaks: back,
  },
  {
    name: 'hazard 1: an event that meets no entry leaves the fills clean',
    options: { writes: 2, fills: 1, make: make(broken.EventsWithoutEntryDirtyNothing) },
    breaks: forEver,
  },
  {
    name: 'hazard 45: an invalidation leaves the fills clean',
    options: { writes: 2, fills: 1, invalidations: 1, make: make(broken.InvalidationsDirtyNothing) },
    breaks: back,
  },
  {
    name: 'hazard 55: an entry is said to be read when its read ended',
    options: { writes: 1, fills: 1, fault: 'late-readAt' },
    breaks: /^atLeast/,
  },
  {
    name: 'a forced read joins a fill that began before it',
    options: { writes: 2, fills: 1, ownWrites: 1, forced: true, fault: 'forced-joins' },
    breaks: back,
  },
  {
    name: 'a clean forced read leaves an entry that differs from what it hands out',
    options: { writes: 2, fills: 2, forced: true, make: make(broken.FillKeepsTheEntry) },
    breaks: back,
  },
  {
    name: 'hazard 16: write ids are taken to be unique, although another region brings one back',
    options: { writes: 3, fills: 1, returns: 'touches', permanentOnly: true, make: broken.doubting(() => false) },
    breaks: forEver,
  },
  {
    name: 'hazard 16: a known write id is taken to be unique',
    options: { writes: 3, ownWrites: 2, returns: 'touches', permanentOnly: true, make: make(broken.KnownIsBehind) },
    breaks: forEver,
  },
  {
    name: 'hazard 16: the step back to a lower write id is applied',
    options: {
      ...{ writes: 4, fills: 1, returns: 'touches', permanentOnly: true },
      make: broken.doubting(({ from, to }) => !(from !== null && to !== null && to < from)),
    },
    breaks: forEver,
  },
  {
    name: 'hazard 18: a removal is applied, although another region may bring the item back',
    options: {
      ...{ writes: 4, fills: 1, returns: 'touches', permanentOnly: true, deletes: 'remove' },
      make: broken.doubting(({ to }) => to !== null),
    },
    breaks: forEver,
  },
  {
    name: 'hazard 16: a read of a lower write id than the pod wrote is an ordinary one',
    options: {
      ...{ writes: 4, ownWrites: 1, fills: 1, evictions: 1, returns: 'touches', returnsOver: 'own' },
      make: broken.forgettingItsOwn,
    },
    breaks: back,
  },
];
