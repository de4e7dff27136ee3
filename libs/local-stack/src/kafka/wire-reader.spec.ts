import { describe, expect, it } from '@jest/globals';
import { MalformedRequest, WireReader } from './wire-reader.js';
import { WireWriter } from './wire-writer.js';

/** What a writer wrote, without the length in front. */
function written(write: (writer: WireWriter) => void): Buffer {
  const writer = new WireWriter();
  write(writer);
  return Buffer.concat(writer.finish()).subarray(4);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

describe('WireReader', () => {
  it('reads the bytes of the specification', () => {
    const reader = new WireReader(
      Buffer.from(
        'ff' + 'fffe' + '00000102' + 'fffffffffffffffd' + '01' + '0002c3a4' + 'ffff' + '00000001aa' + 'ffffffff',
        'hex',
      ),
    );
    expect([reader.int8(), reader.int16(), reader.int32(), reader.int64(), reader.boolean()]).toEqual([
      -1,
      -2,
      258,
      -3n,
      true,
    ]);
    expect([reader.string(), reader.nullableString()]).toEqual(['ä', null]);
    expect([reader.bytes(), reader.nullableArray(() => reader.int8())]).toEqual([Buffer.from([0xaa]), null]);
    expect(reader.remaining).toBe(0);
  });

  it('reads back what a writer wrote, across its buffers', () => {
    const texts = Array.from({ length: 200 }, (_, index) => 'x'.repeat(index * 7));
    const reader = new WireReader(written((writer) => writer.array(texts, (text) => writer.string(text))));
    expect(reader.array(() => reader.string())).toEqual(texts);
    expect(reader.remaining).toBe(0);
  });

  const refused: [string, (reader: WireReader) => unknown, Buffer][] = [
    ['a number past the end', (reader) => reader.int64(), Buffer.alloc(7)],
    ['a string past the end', (reader) => reader.string(), Buffer.from([0, 5, 65])],
    ['a string of negative length', (reader) => reader.nullableString(), Buffer.from([0xff, 0xfe])],
    ['null for a string', (reader) => reader.string(), Buffer.from([0xff, 0xff])],
    ['bytes past the end', (reader) => reader.bytes(), int32(1)],
    ['bytes of negative length', (reader) => reader.nullableBytes(), int32(-2)],
    ['null for bytes', (reader) => reader.bytes(), int32(-1)],
    ['an array of negative length', (reader) => reader.nullableArray(() => reader.int8()), int32(-2)],
    [
      'an array longer than what is left',
      (reader) => reader.array(() => reader.int8()),
      Buffer.concat([int32(2), Buffer.alloc(1)]),
    ],
    ['an array of two thousand million elements', (reader) => reader.array(() => 0), int32(2_000_000_000)],
    ['null for an array', (reader) => reader.array(() => reader.int8()), int32(-1)],
  ];
  it.each(refused)('refuses %s', (_, read, bytes) => {
    expect(() => read(new WireReader(bytes))).toThrow(MalformedRequest);
  });
});

describe('WireWriter', () => {
  it('puts the length of the whole frame first, and keeps large byte strings by reference', () => {
    const large = Buffer.alloc(5_000, 7);
    const chunks = new WireWriter().int16(1).bytes(large).string(null).finish();
    expect(chunks).toContain(large);
    const frame = Buffer.concat(chunks);
    expect(frame.readInt32BE(0)).toBe(frame.length - 4);
    const reader = new WireReader(frame.subarray(4));
    expect([reader.int16(), reader.bytes().equals(large), reader.nullableString()]).toEqual([1, true, null]);
  });
});
