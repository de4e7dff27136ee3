import { Coherence, type CoherenceOptions, type Fence, type Installable } from '@tidemark/cache/internals';
import { type LoadOptions } from './load-options.js';
import { type LoadRules, shippedRules } from './load-rules.js';

/** A safeguard taken away, and the least that shows what it is for. */
export interface LoadRemoval {
  /** The hazard, and what is missing. */
  readonly name: string;
  readonly options: LoadOptions;
  readonly breaks: RegExp;
}

type Condition = Parameters<LoadRules['conditionHolds']>[0];
type Stored = Parameters<LoadRules['conditionHolds']>[1];

const overwrites = /^a load overwrites write/;
const standing = /^the lease of pod \d is left standing/;

class NoInstallFence extends Coherence {
  override completePut(fence: Fence, image: Installable): void {
    this.cancelWrite(fence);
    super.completePut(this.beginWrite(fence.key, fence.writeId), image);
  }
}

class HandsOutAndKeeps extends Coherence {
  override completeFill(fence: Fence): void {
    this.abandonFill(fence);
  }
}

const make =
  (Removed: new (options: CoherenceOptions) => Coherence) =>
  (options: CoherenceOptions): Coherence =>
    new Removed(options);

/** Conditions that are evaluated as if the item lacked some of its attributes. */
const blindTo = (type: Condition['type'], ...names: string[]): Partial<LoadRules> => ({
  conditionHolds: (condition: Condition, item: Stored = {}) =>
    shippedRules.conditionHolds(
      condition,
      condition.type === type
        ? Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name)))
        : item,
    ),
});

export const loadRemovals: readonly LoadRemoval[] = [
  {
    name: 'hazard 56: a load is put as any other value is',
    options: {
      ...{ calls: [0, 1], ticks: 1, puts: [1, 0] },
      rules: {
        firstAttempt: (intent, clock, nowMs) =>
          shippedRules.firstAttempt(intent.type === 'leased' ? { type: 'replace' } : intent, clock, nowMs),
      },
    },
    breaks: overwrites,
  },
  {
    name: 'hazard 62: a load is installed wherever no value stands, under no lease',
    options: {
      ...{ calls: [1, 0], ticks: 1, puts: [0, 1], removals: [0, 1] },
      rules: {
        conditionHolds: (condition, item = {}) =>
          condition.type === 'leased' ? !Object.hasOwn(item, 'value') : shippedRules.conditionHolds(condition, item),
      },
    },
    breaks: overwrites,
  },
  {
    name: 'hazard 60: a load is installed whatever value stands there, as long as its lease does',
    options: { calls: [1], ticks: 1, foreign: ['update'], foreigns: 1, rules: blindTo('leased', 'value') },
    breaks: overwrites,
  },
  {
    name: 'hazard 59: a claim of unknown outcome is sent again under its lease id',
    options: { calls: [1, 0], ticks: 1, removals: [0, 1], lost: 1, fault: 'same-lease-id' },
    breaks: overwrites,
  },
  {
    name: 'hazard 59: a claim of unknown outcome is taken for granted',
    options: { calls: [1], ticks: 1, lost: 1, fault: 'granted-unread' },
    breaks: /^a load runs under a lease that never stood/,
  },
  {
    name: 'hazard 61: a delete is not sent where no value seems to be',
    options: { calls: [1, 0], ticks: 1, removals: [0, 1], fault: 'skipped-delete' },
    breaks: overwrites,
  },
  {
    name: 'hazard 61: a delete takes the value and leaves the lease',
    options: { calls: [1, 0], ticks: 1, removals: [0, 1], deletes: 'tombstone', fault: 'delete-in-place' },
    breaks: overwrites,
  },
  {
    name: 'hazard 58: a loaded value counts as a write that won',
    options: {
      ...{ calls: [0, 1], ticks: 1, puts: [1, 1] },
      rules: {
        afterRefusal: (intent, winner, clock, nowMs) =>
          shippedRules.afterRefusal(intent, winner && { ...winner, loaded: false }, clock, nowMs),
      },
    },
    breaks: /^a put gives way to 1 other write/,
  },
  {
    name: 'hazard 58: a leased tombstone counts as a write that won',
    options: {
      ...{ calls: [0, 1], ticks: 1, puts: [1, 1], removals: [0, 1], deletes: 'tombstone' },
      rules: {
        afterRefusal: (intent, winner, clock, nowMs) =>
          shippedRules.afterRefusal(intent, winner && { ...winner, leaseId: null }, clock, nowMs),
      },
    },
    breaks: /^a put gives way to [01] other write/,
  },
  {
    name: 'hazard 56: a lease is taken over while it lasts',
    options: { calls: [1, 1], ticks: 2, rules: blindTo('claimable', 'leaseId') },
    breaks: /^a lease is taken over/,
  },
  {
    name: 'hazard 56: a lease is taken where a live value stands',
    options: { calls: [1, 0], ticks: 1, puts: [0, 1], rules: blindTo('claimable', 'value') },
    breaks: /^a lease takes the place of write/,
  },
  {
    name: 'hazard 56: a lease lasts for ever',
    options: { calls: [1, 1], ticks: 2, fault: 'endless-lease' },
    breaks: /^a call waits for a lease until/,
  },
  {
    name: 'hazard 56: a lease that has ended is waited for, and not taken over',
    options: {
      ...{ calls: [1, 1], ticks: 5, crashes: 1 },
      rules: { afterRead: (item, leaseId) => shippedRules.afterRead(item, leaseId, 0) },
    },
    breaks: /^a call waits for a lease that ended/,
  },
  {
    name: 'hazard 56: a claim is cut short when the time of the call is up',
    options: { calls: [1, 1], ticks: 4, fault: 'cut-claim' },
    breaks: standing,
  },
  {
    name: 'hazard 56: a load that brings nothing keeps its lease',
    options: { calls: [1], ticks: 1, fault: 'keeps-lease' },
    breaks: standing,
  },
  {
    name: 'hazard 10: a load is kept in L1 whatever has happened meanwhile',
    options: { calls: [1, 0], ticks: 1, puts: [0, 1], l1: true, make: make(NoInstallFence) },
    breaks: /^I[12]/,
  },
  {
    name: 'hazard 22: a call is handed what L2 holds, and L1 keeps an older entry',
    options: { calls: [1, 0], ticks: 1, puts: [1, 1], l1: true, make: make(HandsOutAndKeeps) },
    breaks: /^I2\/I4: the pod serves/,
  },
  {
    name: 'hazard 10: a call joins a load that began before a write which the pod knows of',
    options: { calls: [1, 0], ticks: 1, puts: [1, 1], l1: true, fault: 'joins-dirty' },
    breaks: /^I2\/I4: a call returned/,
  },
];
