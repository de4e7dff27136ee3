import { Inject } from '@nestjs/common';
import { type CacheDefinition, TidemarkError } from '@tidemark/cache';

/** The injection token of a cache: a string, so that two copies of this module agree on it. Throws `INVALID_OPTIONS` for what has no name. */
export function getCacheToken(cache: CacheDefinition | Pick<CacheDefinition, 'name'> | string): string {
  const given = cache as typeof cache | undefined | null;
  const name: unknown = typeof given === 'string' ? given : given?.name;
  if (typeof name === 'string') return `tidemark:cache:${name}`;
  const expected = 'a definition made by defineCache, or the name of one';
  throw new TidemarkError(
    'INVALID_OPTIONS',
    `cache: expected ${expected}, got ${given === null ? 'null' : typeof given}; in a circle of imports it may not be there yet`,
    { retriable: false, context: { field: 'cache', expected } },
  );
}

/** Injects the cache of a definition that a `TidemarkModule.forFeature` in reach has registered. */
export function InjectCache(cache: Pick<CacheDefinition, 'name'> | string): ParameterDecorator & PropertyDecorator {
  return Inject(getCacheToken(cache));
}
