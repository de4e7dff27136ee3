import { describe, expect, it } from '@jest/globals';
import { fromKafka, keyText, toKafka, wireBytes } from './wire.js';

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

  it('have a key as text and a size', () => {
    expect(keyText({ key: Buffer.from('ü'), value: null, header: null })).toBe('ü');
    expect(keyText({ key: null, value: null, header: null })).toBeUndefined();
    expect(wireBytes({ key: 'ü', value: Buffer.alloc(10), header: 'h' })).toBe(24 + 2 + 10 + 1);
  });
});
