import { type TableDescription } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from '@jest/globals';
import { tableProblem } from './table-problem.js';

const good: TableDescription = {
  TableStatus: 'ACTIVE',
  KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
  AttributeDefinitions: [
    { AttributeName: 'other', AttributeType: 'N' },
    { AttributeName: 'key', AttributeType: 'S' },
  ],
};

describe('a table', () => {
  it.each(['ACTIVE', 'UPDATING'] as const)('is usable while %s', (TableStatus) => {
    expect(tableProblem('t', { ...good, TableStatus })).toBeUndefined();
  });

  it.each(['CREATING', 'DELETING', 'ARCHIVED', 'INACCESSIBLE_ENCRYPTION_CREDENTIALS'] as const)(
    'is as good as missing while %s',
    (TableStatus) => {
      expect(tableProblem('t', { ...good, TableStatus })).toMatchObject({
        code: 'TABLE_MISSING',
        retriable: true,
        message: `table t: expected status ACTIVE or UPDATING, got ${TableStatus}`,
      });
    },
  );

  it('is missing when nothing describes it', () => {
    expect(tableProblem('t', undefined)).toMatchObject({ code: 'TABLE_MISSING' });
  });

  it.each<[string, Partial<TableDescription>, string]>([
    ['another name', { KeySchema: [{ AttributeName: 'other', KeyType: 'HASH' }] }, 'other (HASH, N)'],
    ['another type', { AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'N' }] }, 'key (HASH, N)'],
    ['no definition', { AttributeDefinitions: undefined }, 'key (HASH, no type)'],
    ['no key', { KeySchema: undefined }, 'none'],
    [
      'a sort key',
      {
        KeySchema: [
          { AttributeName: 'key', KeyType: 'HASH' },
          { AttributeName: 'other', KeyType: 'RANGE' },
        ],
      },
      'key (HASH, S), other (RANGE, N)',
    ],
  ])('is refused with a key of %s, saying expected and got', (_name, change, got) => {
    expect(tableProblem('t', { ...good, ...change })).toMatchObject({
      code: 'INVALID_CONFIGURATION',
      retriable: false,
      message: `table t: expected key schema key (HASH, S), got ${got}`,
      context: { table: 't', expected: 'key (HASH, S)', got },
    });
  });
});
