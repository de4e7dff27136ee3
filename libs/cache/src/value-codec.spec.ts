import { type Codec } from '@tidemark/protocol';
import { describe, expect, it } from '@jest/globals';
import { defineCache } from './define-cache.js';
import { type SchemaResult, type StandardSchema, trust } from './standard-schema.js';
import { ValueCodec } from './value-codec.js';

const schemaOf = (validate: (value: unknown) => SchemaResult<unknown>): StandardSchema => ({
  '~standard': { version: 1, vendor: 'test', validate },
});
const codecOf = (schema: StandardSchema, codec?: Codec<unknown>): ValueCodec =>
  new ValueCodec(defineCache({ name: 'things', table: 'things', schema, ...(codec === undefined ? {} : { codec }) }));

const refusedPut = (reason: string): unknown =>
  expect.objectContaining({ code: 'INVALID_VALUE', message: `cache things: value refused: ${reason}` });
const refusedItem = (reason: string): unknown =>
  expect.objectContaining({ code: 'MALFORMED_ITEM', message: `cache things: stored value refused: ${reason}` });

describe('values at the edges of a cache', () => {
  it('are what a reader of the stored bytes gets', () => {
    const codec = codecOf(trust());
    const { payload, value } = codec.encode({ at: '1970', left: undefined, none: null });
    expect(Object.keys(value as object)).toEqual(['at', 'none']);
    expect(codec.decode(payload, 'json')).toEqual(value);
    expect(codec.decode(payload, null)).toEqual(value);
  });

  it.each<[unknown, string]>([
    [{ at: new Date(0) }, "at: expected what json gives back as it is, or a codec of the cache's own, got Date"],
    [[Number.NaN], "0: expected what json gives back as it is, or a codec of the cache's own, got NaN"],
    [new Map(), "expected what json gives back as it is, or a codec of the cache's own, got Map"],
  ])('are refused on a put where JSON would make something else of them: %p', (value, reason) => {
    expect(() => codecOf(trust()).encode(value)).toThrow(refusedPut(reason));
  });

  it('may be what JSON does not hold where the schema makes it again, or the codec answers for it', () => {
    const revived = schemaOf((value) => ({ value: { at: new Date((value as { at: string | Date }).at) } }));
    expect(codecOf(revived).encode({ at: new Date(5) }).value).toEqual({ at: new Date(5) });
    const lossy: Codec<unknown> = { name: 'own', encode: (value) => JSON.stringify(value), decode: () => 'v' };
    expect(codecOf(trust(), lossy).encode(new Date(0)).value).toBe('v');
    expect(() => codecOf(trust(), { ...lossy, exact: true }).encode('w')).toThrow(/what own gives back as it is/);
  });

  it('are refused where they nest deeper than 32 levels, on a put and when stored, however deep', () => {
    const codec = codecOf(trust());
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    const reason = 'codec json: expected at most 32 levels of objects and arrays, got more';
    expect(codec.encode(JSON.parse(nested(32))).payload).toBe(nested(32));
    expect(() => codec.encode(JSON.parse(nested(33)))).toThrow(refusedPut(reason));
    for (const levels of [33, 200_000]) expect(() => codec.decode(nested(levels), 'json')).toThrow(refusedItem(reason));
  });

  it('are refused with the schema’s issues, five at most, on a put and when stored', () => {
    const issue = (n: number): { message: string; path: readonly unknown[] } => ({
      message: `wrong ${n}`,
      path: ['roles', { key: n }],
    });
    const codec = codecOf(schemaOf(() => ({ issues: [1, 2, 3, 4, 5, 6].map(issue) })));
    const reason = [1, 2, 3, 4, 5].map((n) => `roles.${n}: wrong ${n}`).join('; ');
    expect(() => codec.encode('v')).toThrow(refusedPut(reason));
    expect(() => codec.decode('"v"', 'json')).toThrow(refusedItem(reason));
  });

  it('are refused where the schema throws', () => {
    const codec = codecOf(
      schemaOf(() => {
        throw new RangeError('not mine');
      }),
    );
    expect(() => codec.encode('v')).toThrow(refusedPut('schema: not mine'));
    expect(() => codec.decode('"v"', 'json')).toThrow(refusedItem('schema: not mine'));
  });

  it('are refused where codec or schema would make an absence of them', () => {
    const reason = 'codec or schema made undefined of it';
    const bySchema = codecOf(schemaOf(() => ({ value: undefined })));
    expect(() => bySchema.encode('v')).toThrow(refusedPut(reason));
    expect(() => bySchema.decode('"v"', 'json')).toThrow(refusedItem(reason));
    const byCodec = codecOf(trust(), { name: 'odd', encode: () => 'x', decode: () => undefined });
    expect(() => byCodec.encode('v')).toThrow(refusedPut(reason));
    expect(() => byCodec.decode('x', 'odd')).toThrow(refusedItem(reason));
    expect(() => codecOf(trust()).encode(undefined)).toThrow(/undefined cannot be put/);
  });

  it.each([undefined, 5, null, {}])('are refused where the codec encodes them as %j', (payload) => {
    const codec = codecOf(trust(), { name: 'odd', encode: () => payload as never, decode: () => 'v' });
    expect(() => codec.encode('v')).toThrow(refusedPut('codec odd: encode: expected a string or a Uint8Array'));
  });

  it('of another codec are refused by its name', () => {
    expect(() => codecOf(trust()).decode('v', 'zip')).toThrow(
      refusedItem('stored with codec "zip", this cache reads json'),
    );
  });

  it.each<[string, () => unknown]>([
    ['promises', () => Promise.resolve({ value: 1 })],
    ['promises of another make', () => ({ then: () => undefined })],
  ])('are not checked by a schema that answers with %s', (_name, validate) => {
    const codec = codecOf(schemaOf(validate as never));
    for (const call of [() => codec.encode('v'), () => codec.decode('"v"', 'json')])
      expect(call).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining('a synchronous schema') }),
      );
  });

  it('are alike when they are stored alike', () => {
    const codec = codecOf(trust());
    expect([codec.same({ a: 1 }, { a: 1 }), codec.same({ a: 1 }, { a: 2 }), codec.same(5n, 6n)]).toEqual([
      ...[true, false, false],
    ]);
  });
});
