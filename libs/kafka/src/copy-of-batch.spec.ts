import { describe, expect, it } from '@jest/globals';
import { type Batch, type KafkaMessage } from 'kafkajs';
import { copyOfBatch } from './copy-of-batch.js';

/** Messages as views of one answer, one part behind the other. */
function batchOf(parts: readonly (readonly [key: string | null, value: string | null, header: string])[]): Batch {
  const text = `before${parts.flat().join('')}after`;
  const answer = Buffer.allocUnsafeSlow(text.length);
  answer.write(text);
  let at = 'before'.length;
  const view = (text: string): Buffer => answer.subarray(at, (at += Buffer.byteLength(text)));
  const messages = parts.map(([key, value, header], index) => {
    const [k, v] = [key === null ? null : view(key), value === null ? null : view(value)];
    return { key: k, value: v, headers: { h: view(header) }, offset: String(index) };
  });
  return { topic: 'a', messages, lastOffset: () => '1' } as unknown as Batch;
}

function textOf({ key, value, headers, offset }: KafkaMessage) {
  return [key, value, headers?.['h'], offset].map((part) => (Buffer.isBuffer(part) ? part.toString() : (part ?? null)));
}

function bufferOf({ messages }: Batch, index = 0): ArrayBufferLike | undefined {
  return messages[index]?.value?.buffer;
}

describe('copyOfBatch', () => {
  it('has the same bytes in memory of its own, one piece', () => {
    const batch = batchOf([
      ['k1', 'v1', 'h1'],
      [null, 'v2', 'h2'],
      ['k3', null, 'h3'],
    ]);
    const copy = copyOfBatch(batch);
    expect(copy.messages.map(textOf)).toEqual(batch.messages.map(textOf));
    expect([copy.topic, copy.lastOffset()]).toEqual(['a', '1']);
    const [answer, own] = [bufferOf(batch), bufferOf(copy)];
    expect([own === answer, own === bufferOf(copy, 1)]).toEqual([false, true]);
    for (const { headers } of copy.messages) {
      const header = headers?.['h'];
      expect(Buffer.isBuffer(header) && header.buffer !== answer).toBe(true);
    }
  });

  it('copies what lies in several answers part by part', () => {
    const [one, other] = [batchOf([['k1', 'v1', 'h1']]), batchOf([['k2', 'v2', 'h2']])];
    const batch = { ...one, messages: [...one.messages, ...other.messages] };
    const copy = copyOfBatch(batch);
    expect(copy.messages.map(textOf)).toEqual(batch.messages.map(textOf));
    for (const [index, { value }] of copy.messages.entries()) expect(value).not.toBe(batch.messages[index]?.value);
  });

  it('bears a batch without keys and values', () => {
    const batch = batchOf([[null, null, 'h1']]);
    expect(copyOfBatch(batch).messages.map(textOf)).toEqual([[null, null, 'h1', '0']]);
  });
});
