import { describe, expect, it } from '@jest/globals';
import { type Codec } from '@tidemark/protocol';
import { defineCache } from './define-cache.js';
import { Holder, PackedValue } from './holder.js';
import { trust } from './standard-schema.js';
import { ValueCodec } from './value-codec.js';

/** Its values say who looks at their properties. */
function lookedAt(): { readonly codec: Codec<object>; looks: number } {
  const seen = {
    looks: 0,
    codec: {
      name: 'seen',
      encode: () => 'text',
      decode: () =>
        new Proxy(
          {},
          {
            ownKeys: () => {
              seen.looks += 1;
              return [];
            },
          },
        ),
    },
  };
  return seen;
}

describe('a value that is decoded for each get', () => {
  it.each([
    ['text', 0],
    ['object', 1],
  ] as const)('is not walked through for a size that nobody asks for: hold %s, %d times', (hold, looks) => {
    const seen = lookedAt();
    const { codec } = seen;
    const definition = defineCache({ name: 'things', table: 'things', schema: trust<object>(), codec });
    const holder = new Holder({ codec: new ValueCodec(definition), hold, clone: false, freeze: false });
    holder.unpack(new PackedValue('text', null));
    expect(seen.looks).toBe(looks);
  });
});
