import { describe, expect, it } from '@jest/globals';
import { type Attributes, formatWriteId } from '@tidemark/protocol';
import { type WriteCondition } from './backend.js';
import { type ClaimCondition, conditionHolds, refusalProblem } from './condition-holds.js';

const key = { S: 'u:1' };
const than = formatWriteId({ ms: 2, counter: 0, incarnation: '00000000000000aa' });
const older = { S: '0'.repeat(32) };
const later = { S: 'f'.repeat(32) };
const value = { S: 'v' };

const newer = { type: 'newer', than } as const;
const replaces = { type: 'replaces', writeId: 'zzz' } as const;
const absent = { type: 'absent', than, now: 100 } as const;
const matches = { type: 'matches', writeId: 'zzz', now: 100 } as const;
const leased = { type: 'leased', leaseId: 'mine' } as const;
const claimable = { type: 'claimable', nowMs: 100_999 } as const;

type Condition = WriteCondition | ClaimCondition;

describe('a condition', () => {
  it.each<[Condition, Attributes | undefined, boolean]>([
    [newer, undefined, true],
    [newer, {}, true],
    [newer, { writeId: older }, true],
    [newer, { writeId: { S: '' } }, true],
    [newer, { writeId: { S: than } }, false],
    [newer, { writeId: later }, false],
    [newer, { writeId: { S: 'é' } }, false],
    [newer, { writeId: { N: '0' } }, false],
    [newer, { writeId: { NULL: true } }, false],
    [{ type: 'newer', than: '1'.repeat(32) as typeof than }, { writeId: { S: 0 } }, false],
    [replaces, undefined, false],
    [replaces, {}, false],
    [replaces, { writeId: { S: 'zzz' } }, true],
    [replaces, { writeId: { S: 'zz' } }, false],
    [replaces, { writeId: { B: 'zzz' } }, false],
    [absent, undefined, true],
    [absent, { writeId: older }, true],
    [absent, { writeId: later }, false],
    [absent, { value }, false],
    [absent, { value, expiresAt: { N: '101' } }, false],
    [absent, { value, expiresAt: { N: '100' } }, true],
    [absent, { value, expiresAt: { N: '99.5' } }, true],
    [absent, { value, expiresAt: { N: '100' }, writeId: later }, false],
    [absent, { value, expiresAt: { S: '1' } }, false],
    [absent, { value, expiresAt: { N: 1 } }, false],
    [absent, { value: { L: [] } }, false],
    [absent, { expiresAt: { N: '101' } }, true],
    [matches, undefined, false],
    [matches, { writeId: { S: 'zzz' } }, false],
    [matches, { writeId: { S: 'zzz' }, value }, true],
    [matches, { writeId: { S: 'zzy' }, value }, false],
    [matches, { writeId: { S: 'zzz' }, value, expiresAt: { N: '101' } }, true],
    [matches, { writeId: { S: 'zzz' }, value, expiresAt: { N: '100' } }, false],
    [matches, { writeId: { S: 'zzz' }, value, expiresAt: { S: '101' } }, false],
    [leased, undefined, false],
    [leased, {}, false],
    [leased, { leaseId: { S: 'mine' } }, true],
    [leased, { leaseId: { S: 'theirs' } }, false],
    [leased, { leaseId: { S: 'mine' }, value }, false],
    [leased, { leaseId: { S: 'mine' }, value, expiresAt: { N: '0' } }, false],
    [leased, { leaseId: { S: 'mine' }, value: { NULL: true } }, false],
    [claimable, undefined, true],
    [claimable, { value }, false],
    [claimable, { value, expiresAt: { N: '101' } }, false],
    [claimable, { value, expiresAt: { N: '100' } }, true],
    [claimable, { leaseId: { S: 'x' } }, false],
    [claimable, { leaseId: { S: 'x' }, leaseUntil: { N: '101000' } }, false],
    [claimable, { leaseId: { S: 'x' }, leaseUntil: { N: '100999' } }, true],
    [claimable, { leaseId: { S: 'x' }, leaseUntil: { S: '0' } }, false],
    [claimable, { leaseUntil: { N: '101000' } }, true],
    [claimable, { value, leaseId: { S: 'x' }, leaseUntil: { N: '0' } }, false],
  ])('%j at %j: %j', (condition, item, holds) => {
    expect(conditionHolds(condition, item && { key, ...item })).toBe(holds);
  });
});

describe('an item that refused', () => {
  const writeIdText = 'attribute writeId: expected a string';
  const valueText = 'attribute value: expected a string or bytes';

  it.each<[Condition, Attributes, string | undefined]>([
    [newer, { writeId: later }, undefined],
    [newer, { writeId: later, value: { L: [] }, codec: { N: '1' } }, undefined],
    [newer, { writeId: { N: '0' } }, writeIdText],
    [newer, { writeId: { N: '0' }, value: { L: [] } }, `${writeIdText}; ${valueText}`],
    [replaces, { writeId: { N: '0' } }, writeIdText],
    [absent, { value: { L: [] } }, valueText],
    [absent, { value, expiresAt: { S: '1' } }, undefined],
    [absent, { value, writeId: { N: '0' } }, writeIdText],
    [absent, { value, writeId: { N: '0' }, codec: { N: '1' } }, `${writeIdText}; attribute codec: expected a string`],
    [matches, { value, writeId: { S: 'zzz' }, expiresAt: { S: '1' } }, 'attribute expiresAt: expected a whole number'],
    [leased, { leaseId: { S: 'mine' }, value: { L: [] } }, valueText],
    [leased, { leaseId: { N: '1' }, writeId: { N: '0' } }, undefined],
    [claimable, { value: { L: [] } }, valueText],
    [claimable, { value, writeId: { N: '0' } }, undefined],
    [claimable, { leaseId: { N: '1' }, leaseUntil: { N: '101000' } }, 'attribute leaseId: expected a string'],
    [claimable, { leaseId: { S: 'x' } }, 'attribute leaseUntil: expected a whole number beside leaseId'],
    [
      claimable,
      { leaseId: { S: 'x' }, leaseUntil: { S: '0' } },
      'attribute leaseUntil: expected a whole number beside leaseId',
    ],
    [claimable, { leaseId: { S: 'x' }, value }, undefined],
  ])('can be told of, or why not: %j at %j', (condition, item, problem) => {
    expect(conditionHolds(condition, { key, ...item })).toBe(false);
    expect(refusalProblem(condition, { key, ...item })).toBe(problem);
  });
});
