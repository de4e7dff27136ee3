import { Inject } from '@nestjs/common';
import { type CacheDefinition } from '@tidemark/cache';

/** The injection token of a cache: a string, so that two copies of this module agree on it. */
export function getCacheToken(cache: CacheDefinition | Pick<CacheDefinition, 'name'> | string): string {
  return `tidemark:cache:${typeof cache === 'string' ? cache : cache.name}`;
}

/** Injects the cache of a definition that a `TidemarkModule.forFeature` in reach has registered. */
export function InjectCache(cache: Pick<CacheDefinition, 'name'> | string): ParameterDecorator & PropertyDecorator {
  return Inject(getCacheToken(cache));
}
