import { type Library } from '../cluster.js';
import { bentocache } from './bentocache.js';
import { cacheManager } from './cache-manager.js';
import { cacheable } from './cacheable.js';
import { tidemark } from './tidemark.js';

/** In the order of the table. */
export const libraries: readonly Library[] = [tidemark, bentocache, cacheable, cacheManager];
