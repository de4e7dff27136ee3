import { expect, it } from '@jest/globals';
import { type ChangeRecordContext, decodeRecord, encodeEvent, translateChangeRecord } from '@tidemark/protocol';
import { fuzz } from './fuzz.js';
import { readGolden } from './golden.js';

const context: Omit<ChangeRecordContext, 'binary'> = { region: 'eu-west-1', position: 'shardId-0:1' };
const corpus = readGolden<{ readonly record: string }>('change-records.json').map(({ record }) => Buffer.from(record));

/** As UTF-8 carries it: half a character, which DynamoDB's texts never hold, comes out as a replacement. */
const sent = (text: string | null): string => Buffer.from(text ?? '').toString('utf8');

it('a change record, whatever stands in it, becomes an event that can be sent, or a reason; nothing escapes', () => {
  const outcomes = new Set<boolean>();
  fuzz({ corpus, runs: 200_000 }, (input) => {
    const binary = input.length % 2 === 0 ? 'base64' : 'base64-twice';
    const result = translateChangeRecord(input, { ...context, binary });
    outcomes.add(result.ok);
    if (!result.ok) {
      if (typeof result.reason !== 'string') throw new Error('refused without a reason');
      return;
    }
    const decoded = decodeRecord(encodeEvent(result.event));
    if (decoded.type !== 'event') throw new Error(`what was sent is read as ${JSON.stringify(decoded)}`);
    if (sent(decoded.event.key) !== sent(result.event.key) || sent(decoded.event.to) !== sent(result.event.to))
      throw new Error(`what was sent is read as ${JSON.stringify(decoded)}`);
  });
  expect(outcomes).toEqual(new Set([true, false]));
}, 600_000);
