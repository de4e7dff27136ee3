import { describe, expect, it } from '@jest/globals';
import { type WireRecord } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';

import { isForBuckets } from './dispatch-filter.js';
import { chunksOf, outgoing } from './dispatch-plan.js';
import { control, event, watermark } from './testing/dispatch-bench.js';

const buckets = ['roles', 'users'];

describe('a topic of some buckets', () => {
  it.each<[string, WireRecord, boolean]>([
    ['an event of one of them', event('users:1'), true],
    ['an event of another', event('orders:1'), false],
    ['an event of a bucket that only begins alike', event('users2:1'), false],
    ['an event whose key is of no bucket', event('nobody'), true],
    ['a watermark', watermark(9), true],
    ['a flush', control({ control: 'flush-table', table: 'users', reason: 'r' }), true],
    ['an invalidation of another', control({ control: 'invalidate', table: 'users', key: 'orders:1' }), true],
    ['what cannot be read', { ...event('orders:1'), header: 'nonsense' }, true],
    ['another major version', { ...event('orders:1'), header: '2.0;e;?' }, true],
    ['bytes of an event of another', { ...event('orders:1'), key: Buffer.from('orders:1') }, false],
  ])('gets %s: %p', (_what, record, wanted) => {
    expect(isForBuckets(record, buckets)).toBe(wanted);
  });

  it('gets, of any log and however it is cut, what a whole topic gets less the other buckets, in order', () => {
    const key = fc.tuple(fc.constantFrom('users', 'roles', 'orders', 'teams'), fc.nat(3)).map(([b, n]) => `${b}:${n}`);
    const record = fc.oneof(
      { weight: 4, arbitrary: key.map((one) => event(one)) },
      { weight: 1, arbitrary: fc.nat(50).map((at) => watermark(at)) },
    );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 15 }), fc.integer({ min: 1, max: 5 }), (log, recordsMax) => {
        const records = log.map((one, src) => ({ ...one, src }));
        const sent = (only?: readonly string[]): WireRecord[] =>
          [...chunksOf('users', { records }, recordsMax)].flatMap((chunk) =>
            outgoing('users', 0, chunk, 7, only).map((each) => each.record),
          );
        const isOther = ({ key: of }: WireRecord): boolean => /^(orders|teams):/.test(String(of));
        expect(sent(buckets)).toEqual(sent().filter((each) => !isOther(each)));
      }),
      runs(),
    );
  });
});
