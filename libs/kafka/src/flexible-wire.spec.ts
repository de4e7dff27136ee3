import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FlexibleReader, FlexibleWriter } from './flexible-wire.js';

const uuid = '0123456789abcdeffedcba9876543210';

describe('the flexible encoding', () => {
  it('is that of Kafka, behind a header without tagged fields', () => {
    const writer = new FlexibleWriter().int8(1).int32(2).int64(3n).boolean(true).text('ab').uuid(uuid).noTags();
    expect(writer.written.toString('hex')).toBe(
      `00${'01'}${'00000002'}${'0000000000000003'}${'01'}${'03'}6162${uuid}00`,
    );
    const longer = new FlexibleWriter().array(new Array<number>(299).fill(7), () => undefined);
    expect(longer.written.toString('hex')).toBe('00ac02');
  });

  it('reads what it has written, of any length', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 300 }), { maxLength: 200 }),
        fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
        (texts, offset) => {
          const writer = new FlexibleWriter();
          writer
            .array(texts, (text) => writer.text(text))
            .int64(offset)
            .uuid(uuid)
            .uuid(undefined)
            .noTags();
          const reader = new FlexibleReader(writer.written);
          expect([reader.array(() => reader.text()), reader.int64(), reader.uuid(), reader.uuid()]).toEqual([
            texts.map((text) => Buffer.from(text, 'utf8').toString('utf8')),
            offset,
            uuid,
            undefined,
          ]);
        },
      ),
    );
  });

  it('passes tagged fields that it does not know, and shows those that it does', () => {
    const reader = new FlexibleReader(Buffer.from('00' + '02' + '0501ff' + '0004' + '0000000a' + '2a', 'hex'));
    const seen: [number, number?][] = [];
    reader.tags((tag) => void seen.push(tag === 0 ? [tag, reader.int32()] : [tag]));
    expect([seen, reader.int8()]).toEqual([[[5], [0, 10]], 42]);
  });

  it('hands bytes over behind their length in four bytes, and none where there are none', () => {
    const reader = new FlexibleReader(Buffer.from('00' + '01020304' + '04' + 'aabbcc' + '00' + '01', 'hex'));
    expect(reader.int32()).toBe(0x01020304);
    expect([reader.sizedBytes()?.toString('hex'), reader.sizedBytes(), reader.sizedBytes()]).toEqual([
      '00000003aabbcc',
      undefined,
      undefined,
    ]);
  });

  it('refuses what ends too early, and counts without an end', () => {
    expect(() => new FlexibleReader(Buffer.from('0003', 'hex')).text()).toThrow(RangeError);
    expect(() => new FlexibleReader(Buffer.from('00ffffffffffff', 'hex')).array(() => 0)).toThrow(RangeError);
  });
});
