import { describe, expect, it } from '@jest/globals';
import { decodeRecord, ownItemKeyOf, topicNames } from '@tidemark/protocol';
import { recordingLogger } from '@tidemark/runtime/testing';
import { RecordTranslator } from './shard-record.js';
import { changeRecordBytes } from './testing/change-record-bytes.js';

function translator(recordBytesMax = 900_000, log = recordingLogger()): RecordTranslator {
  const context = { names: topicNames(), region: 'us-east-1', binary: 'base64-twice', shardId: 's' } as const;
  return new RecordTranslator({ ...context, recordBytesMax, log });
}

function recordOf(table: string, sequence: number, value = 'v'): { sequenceNumber: string; bytes: Uint8Array } {
  return {
    sequenceNumber: String(sequence),
    bytes: changeRecordBytes({ table, key: `k:${sequence}`, to: 'w', value }),
  };
}

describe('RecordTranslator', () => {
  it('looks at the table of each record, whatever the one before it named', () => {
    const tables = ['users', 'no table!', 'users', 'orders', 'no table!', 'no table!', 'orders'];
    const { steps, deadLetters } = translator().translate(tables.map((table, index) => recordOf(table, index)));
    expect(steps.map((step) => ('table' in step ? step.table : step.type))).toEqual(
      tables.map((table) => (table === 'no table!' ? 'flush-all' : table)),
    );
    expect(deadLetters.map(({ record }) => record.sequenceNumber)).toEqual(['1', '4', '5']);
  });

  it('leaves a table alone whose name is too long for a topic: no cache can be of it; a name that DynamoDB refuses flushes', () => {
    const log = recordingLogger();
    const [cached, long, longest, impossible] = [200, 201, 255, 256].map((length) => 'x'.repeat(length));
    const tables = [cached, long, long, longest, impossible].map(String);
    const records = tables.map((table, index) => recordOf(table, index));
    const malformed = {
      sequenceNumber: '9',
      bytes: Buffer.from(JSON.stringify({ tableName: long, eventName: 'NOPE' })),
    };
    const { steps, deadLetters } = translator(900_000, log).translate([...records, malformed]);
    expect(steps.map(({ type }) => type)).toEqual(['event', 'ignore', 'ignore', 'ignore', 'flush-all', 'ignore']);
    expect(deadLetters.map(({ table }) => table)).toEqual([impossible]);
    expect(log.lines.map(({ level, fields }) => [level, fields['table']])).toEqual([
      ['warn', long],
      ['warn', longest],
    ]);
  });

  it('keeps the order of the records, and a dead letter only of those that are not sent as they are', () => {
    const { steps, deadLetters } = translator(1_000).translate([
      recordOf('users', 1),
      recordOf('users', 2, 'v'.repeat(1_000)),
      recordOf('users', 3),
    ]);
    expect(steps.map((step) => [step.type, 'key' in step ? step.key : ''])).toEqual([
      ['event', 'k:1'],
      ['invalidate', 'k:2'],
      ['event', 'k:3'],
    ]);
    expect(deadLetters).toHaveLength(1);
  });

  it('sends what Tidemark keeps for itself without its value: no pod reads it', () => {
    const key = ownItemKeyOf('hot-keys', 'things', 'us-east-1', '0');
    const bytes = changeRecordBytes({ table: 'users', key, to: 'w', value: 'v'.repeat(500) });
    const { steps } = translator().translate([{ sequenceNumber: '1', bytes }, recordOf('users', 2)]);
    const values = steps.map((step) => {
      const decoded = step.type === 'event' ? decodeRecord(step.record) : undefined;
      return decoded?.type === 'event' ? (decoded.event.value?.length ?? null) : undefined;
    });
    expect(values).toEqual([null, 1]);
  });
});
