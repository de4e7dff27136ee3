import { type ItemImage } from '@tidemark/protocol';
import { describe, expect, it } from '@jest/globals';
import { afterClaim, afterRead, type LeaseStep } from './lease-steps.js';
import { itemOf } from './testing/scripted-store.js';

const now = 1_000_000;
const leased = (over: Partial<ItemImage> = {}): ItemImage =>
  itemOf('k', null, { writeId: 'B', leaseId: 'mine', leaseUntil: now + 500, ...over });

describe('after a claim', () => {
  it('that was made, the load begins, on what stood there before', () => {
    expect(afterClaim({ type: 'acquired', image: leased() }, now)).toEqual({ type: 'load', base: 'B' });
    expect(afterClaim({ type: 'acquired', image: leased({ writeId: null }) }, now)).toEqual({
      type: 'load',
      base: null,
    });
  });

  it('that was refused, the lease is never this claim’s', () => {
    expect(afterClaim({ type: 'refused', old: leased() }, now)).toEqual({ type: 'wait', until: now + 500 });
  });

  it('that was refused by a live value, that is served', () => {
    const old = itemOf('k', '"v"');
    expect(afterClaim({ type: 'refused', old }, now)).toEqual({ type: 'serve', image: old });
  });
});

describe('after a read', () => {
  const value = leased({ value: '"v"' });

  it.each<[string, ItemImage | undefined, string | undefined, LeaseStep]>([
    ['hazard 59: that shows this very lease: load', leased(), 'mine', { type: 'load', base: 'B' }],
    [
      'the same after its end: what is installed is refused if it was taken over',
      leased({ leaseUntil: now }),
      'mine',
      { type: 'load', base: 'B' },
    ],
    ['hazard 60: that shows this lease and a value: serve', value, 'mine', { type: 'serve', image: value as never }],
    ['that shows another lease: wait', leased({ leaseId: 'theirs' }), 'mine', { type: 'wait', until: now + 500 }],
    ['by somebody who has claimed nothing: wait', leased(), undefined, { type: 'wait', until: now + 500 }],
    [
      'in the last millisecond of a lease: wait',
      leased({ leaseUntil: now + 1 }),
      undefined,
      { type: 'wait', until: now + 1 },
    ],
    ['at the end of a lease: claim', leased({ leaseUntil: now }), undefined, { type: 'claim' }],
    ['past the end of a lease: claim', leased({ leaseUntil: now - 1 }), undefined, { type: 'claim' }],
    ['that shows a lease without an end: claim', leased({ leaseUntil: null }), undefined, { type: 'claim' }],
    ['that shows an end without a lease: claim', leased({ leaseId: null }), undefined, { type: 'claim' }],
    [
      'that shows no lease, by somebody who claimed: claim',
      leased({ leaseId: null, leaseUntil: null }),
      'mine',
      { type: 'claim' },
    ],
    ['that shows nothing, by somebody who claimed: claim', undefined, 'mine', { type: 'claim' }],
    ['that shows nothing: claim', undefined, undefined, { type: 'claim' }],
    [
      'hazard 20: that shows a value that has expired: claim',
      itemOf('k', '"v"', { expiresAt: now / 1_000 }),
      undefined,
      { type: 'claim' },
    ],
  ])('%s', (_name, item, leaseId, step) => {
    expect(afterRead(item, leaseId, now)).toEqual(step);
  });
});
