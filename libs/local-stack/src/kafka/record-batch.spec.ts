import { describe, expect, it } from '@jest/globals';
import { crc32c } from './crc32c.js';
import { splitBatches } from './record-batch.js';

describe('crc32c', () => {
  it('agrees with the published check value', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });
});

describe('splitBatches', () => {
  it.each([
    ['a torn header', Buffer.alloc(30)],
    [
      'a length that points nowhere',
      Buffer.concat([Buffer.alloc(8), Buffer.from([0x7f, 0xff, 0xff, 0xff]), Buffer.alloc(80)]),
    ],
    ['a negative length', Buffer.concat([Buffer.alloc(8), Buffer.from([0xff, 0xff, 0xff, 0xff]), Buffer.alloc(80)])],
    ['another format', Buffer.concat([Buffer.alloc(8), Buffer.from([0, 0, 0, 80]), Buffer.alloc(80)])],
  ])('refuses %s', (_name, bytes) => {
    expect(splitBatches(bytes)).toBeUndefined();
  });
});
