import { describe, expect, it } from '@jest/globals';
import { type WireRecord } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { fromKafka, fromTableTopic, keyText, toKafka, wireBytes } from './wire.js';

describe('records on the wire', () => {
  it('keep key, value and header, views without their surroundings', () => {
    const whole = Buffer.from('..value..');
    const value = new Uint8Array(whole.buffer, whole.byteOffset + 2, 5);
    const message = toKafka({ key: 'ü', value, header: 'h' }, 3);
    expect(message).toEqual({ partition: 3, key: 'ü', value: Buffer.from('value'), headers: { tm: 'h' } });
    expect(toKafka({ key: null, value: null, header: null }, 0)).toEqual({ partition: 0, key: null, value: null });
  });

  it('are read with the first header of the name, or none', () => {
    const base = { key: Buffer.from('k'), value: null, timestamp: '0', attributes: 0, offset: '0' };
    expect(fromKafka({ ...base, headers: { tm: [Buffer.from('a'), Buffer.from('b')], x: 'y' } })).toEqual({
      key: Buffer.from('k'),
      value: null,
      header: Buffer.from('a'),
    });
    expect(fromKafka({ ...base, headers: {} }).header).toBeNull();
  });

  it('tell their place in the table topic in a header of its own', () => {
    const record = { key: 'k', value: null, header: 'h', src: 12_345_678_901 };
    expect(toKafka(record, 0).headers).toEqual({ tm: 'h', src: '12345678901' });
    expect(toKafka({ ...record, header: null, src: 0 }, 0).headers).toEqual({ src: '0' });
    const message = { key: null, value: null, timestamp: '0', attributes: 0, offset: '7' };
    expect(fromKafka({ ...message, headers: { src: Buffer.from('12345678901') } }).src).toBe(12_345_678_901);
    expect(fromKafka({ ...message, headers: { src: [Buffer.from('1'), Buffer.from('2')] } }).src).toBe(1);
    for (const text of ['', '-1', '1.5', 'x', '9'.repeat(16), '9'.repeat(17)])
      expect(fromKafka({ ...message, headers: { src: Buffer.from(text) } }).src).toBeUndefined();
    expect(wireBytes(record)).toBe(wireBytes({ ...record, src: undefined }) + 2 + 3 + 16);
  });

  it('have their own offset as their place in a table topic, whatever was written there', () => {
    const message = { key: null, value: null, timestamp: '0', attributes: 0, offset: '7' };
    expect(fromTableTopic({ ...message, headers: { tm: Buffer.from('h'), src: Buffer.from('3') } })).toEqual({
      key: null,
      value: null,
      header: Buffer.from('h'),
      src: 7,
    });
  });

  it('have a key as text and a size', () => {
    expect(keyText({ key: Buffer.from('ü'), value: null, header: null })).toBe('ü');
    expect(keyText({ key: null, value: null, header: null })).toBeUndefined();
    expect(wireBytes({ key: 'ü', value: Buffer.alloc(10), header: 'h' })).toBe(24 + 2 + 10 + 1);
  });

  it('come back as they went, whatever they hold', () => {
    const part = fc.option(fc.uint8Array({ maxLength: 20 }));
    const record: fc.Arbitrary<WireRecord> = fc
      .tuple(part, part, part, fc.option(fc.maxSafeNat()))
      .map(([key, value, header, src]) => (src === null ? { key, value, header } : { key, value, header, src }));
    const plain = (each: WireRecord): unknown[] => [
      ...[each.key, each.value, each.header].map((bytes) => bytes && Buffer.from(bytes).toString('hex')),
      each.src,
    ];
    fc.assert(
      fc.property(record, fc.nat(100), (sent, partition) => {
        const { key, value, headers } = toKafka(sent, partition);
        const carried = Object.entries(headers ?? {}).map(([name, text]) => [name, Buffer.from(text as Uint8Array)]);
        const received = fromKafka({
          ...{ key: key as Buffer | null, value: value as Buffer | null, timestamp: '0', attributes: 0, offset: '7' },
          headers: Object.fromEntries(carried) as Record<string, Buffer>,
        });
        expect(plain(received)).toEqual(plain(sent));
      }),
      runs(5),
    );
  });
});
