import { describe, expect, it } from '@jest/globals';
import { newLease, type ShardLease } from '@tidemark/pipeline';
import { isTidemarkError } from '@tidemark/runtime';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { attribute, fromItem, type LeaseItem, toItem } from './lease-item.js';

const text = fc.string({ minLength: 1, maxLength: 12 });
const hashKey = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(String);
const always = [
  ...(['shardId', 'streamId', 'owner', 'counter', 'checkpoint', 'writtenCheckpoint', 'ownerSwitches'] as const),
  ...(['parents', 'startHash', 'endHash', 'readUpTo'] as const),
];
const lease: fc.Arbitrary<ShardLease> = fc.record(
  {
    shardId: text,
    streamId: fc.oneof(fc.constant(''), text),
    owner: fc.option(text),
    counter: fc.maxSafeNat(),
    checkpoint: fc.oneof(text, fc.constantFrom('TRIM_HORIZON', 'LATEST', 'SHARD_END')),
    writtenCheckpoint: fc.option(text),
    ownerSwitches: fc.nat(),
    parents: fc.uniqueArray(text, { maxLength: 2 }).map((parents) => parents.sort()),
    startHash: hashKey,
    endHash: hashKey,
    readUpTo: fc.option(fc.maxSafeNat()),
    checkpointOwner: text,
    children: fc.uniqueArray(text, { minLength: 1, maxLength: 2 }).map((children) => children.sort()),
    owes: fc.uniqueArray(text, { minLength: 1, maxLength: 3 }).map((tables) => tables.sort()),
  },
  { requiredKeys: [...always] },
);

describe('a row of the lease table', () => {
  it('comes back from its item as it went', () => {
    fc.assert(
      fc.property(lease, (row) => {
        expect(fromItem(toItem(row))).toEqual(row);
      }),
      runs(5),
    );
  });

  it.each(['parents', 'children', 'owes'] as const)('is malformed where %s are no set of strings', (field) => {
    // Without its parents a shard would be read before they are.
    const item = { ...toItem(newLease({ shardId: 's', parents: [], startHash: '0', endHash: '9' }, '')) };
    expect(() => fromItem({ ...item, [attribute[field]]: { L: [{ S: 'shardId-0' }] } })).toThrow(attribute[field]);
  });

  it('is read from whatever stands there, or refused as malformed', () => {
    const value = fc.oneof(
      fc.record({ S: fc.oneof(text, hashKey) }),
      fc.record({ N: fc.oneof(text, fc.nat().map(String), fc.double().map(String)) }),
      fc.record({ SS: fc.array(text, { maxLength: 3 }) }),
      fc.record({ BOOL: fc.boolean() }),
    );
    const garbled = fc.tuple(
      lease,
      fc.dictionary(fc.constantFrom(...Object.values(attribute)), value),
      fc.subarray(Object.values(attribute)),
    );
    fc.assert(
      fc.property(garbled, ([row, over, gone]) => {
        const item: LeaseItem = { ...toItem(row), ...(over as LeaseItem) };
        for (const name of gone) delete item[name];
        try {
          const read = fromItem(item);
          const numbers = [read.counter, read.ownerSwitches, read.readUpTo ?? 0];
          return numbers.every((n) => Number.isSafeInteger(n)) && /^\d{1,39}$/.test(read.startHash);
        } catch (error) {
          return isTidemarkError(error, 'MALFORMED_ITEM') && !error.retriable;
        }
      }),
      runs(2),
    );
  });
});
