import { describe, expect, it } from '@jest/globals';
import { crc32c } from './crc32c.js';

/** One bit at a time, as the definition has it. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('crc32c', () => {
  const published: [string, Buffer, number][] = [
    ['the digits', Buffer.from('123456789'), 0xe3069283],
    ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['32 ascending bytes', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
  ];
  it.each(published)('gives the published value for %s', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('agrees with the definition at every length', () => {
    const bytes = Buffer.from(Array.from({ length: 67 }, (_, index) => (index * 151) & 0xff));
    for (let length = 0; length <= bytes.length; length += 1) {
      expect(crc32c(bytes.subarray(0, length))).toBe(slowCrc32c(bytes.subarray(0, length)));
    }
  });
});
