import { describe, expect, it } from '@jest/globals';
import { createTidemark, defineCache, memory, trust, tuneCache } from './index.js';

const things = defineCache({ name: 'things', table: 'things', schema: trust<string>() });

/** What stands where a definition is not there yet, or is none. */
const none: readonly unknown[] = [undefined, null, 'things', {}, { name: 'things', codec: {} }, { ...things, name: 5 }];

describe('a definition', () => {
  it.each(none)('is asked for by name wherever one is taken: %j is none', (given) => {
    const tidemark = createTidemark({ service: 'test', backend: memory() });
    const takers: [field: string, take: () => unknown][] = [
      ['caches[0]', () => createTidemark({ service: 'test', backend: memory(), caches: [given as never] })],
      ['add', () => tidemark.add(given as never)],
      ['cache', () => tidemark.cache(given as never)],
      ['tuneCache', () => tuneCache(given as never, {})],
    ];
    for (const [field, take] of takers)
      expect(take).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTIONS',
          message: expect.stringContaining(`${field}: expected a definition made by defineCache, got `),
        }),
      );
  });

  it('is tuned by an object of options', () => {
    for (const tuning of [undefined, null, 5])
      expect(() => tuneCache(things, tuning as never)).toThrow(/cache things: expected an object of options, got/);
    expect(tuneCache(things, { maxEntries: 5 })).toMatchObject({ maxEntries: 5, maxBytes: things.maxBytes });
  });

  it('may give its size in parts of a unit, and name its table as anything that DynamoDB takes', () => {
    const odd = defineCache({ name: 'constructor', table: '__proto__', schema: trust<string>(), maxSize: '0.1gb' });
    const tidemark = createTidemark({ service: 'test', backend: memory(), caches: [odd] });
    expect(Object.keys(tidemark.health().tables)).toEqual(['__proto__']);
    expect(tidemark.caches['constructor']).toBe(tidemark.cache(odd));
  });
});

describe('createTidemark', () => {
  it.each(['logger', 'metrics', 'clock', 'entropy'])('asks for all that a %s has, by name', (field) => {
    for (const given of [null, {}, 5])
      expect(() => createTidemark({ service: 'test', backend: memory(), [field]: given as never })).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTIONS',
          message: expect.stringContaining(`${field}: expected an object with `),
        }),
      );
    const { caches } = createTidemark({ service: 'test', backend: memory(), caches: [things], logger: console });
    expect(Object.keys(caches)).toEqual(['things']);
  });
});

describe('memory', () => {
  it.each<[unknown, RegExp]>([
    [null, /memory: expected an object of options, got null/],
    [{ regon: 'x' }, /memory\.regon: expected one of region, eventDelayMs, clock/],
    [{ eventDelayMs: Number.NaN }, /memory\.eventDelayMs: expected a whole number from 0/],
  ])('of %j is refused', (options, message) => {
    expect(() => memory(options as never)).toThrow(message);
  });
});
