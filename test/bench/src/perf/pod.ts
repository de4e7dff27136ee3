import {
  type Backend,
  type BackendParts,
  type Cache,
  type CacheTuning,
  type ChangeFeedHandler,
  createTidemark,
  defineCache,
  memory,
  type Store,
  type Tidemark,
  type TidemarkOptions,
  trust,
} from '@tidemark/cache';
import { overriding } from '../races/libraries/overriding.js';
import { type User } from './workload.js';

export const table = 'bench';
export const bucket = 'bench';

export interface BenchPod {
  readonly cache: Cache<User>;
  readonly tidemark: Tidemark;
  /** The pod's end of the change feed; `undefined` before it is started. */
  readonly handler: () => ChangeFeedHandler | undefined;
  /** Requests that reached L2. */
  readonly requests: { reads: number; batches: number };
}

/** A cache of the product as it is built, on `memory()`; `store` stands in for some of L2. */
export function benchPod(
  tuning: CacheTuning,
  store: Partial<Store> = {},
  options: Partial<TidemarkOptions> = {},
): BenchPod {
  const definition = defineCache({ name: bucket, table, schema: trust<User>(), ...tuning });
  const requests = { reads: 0, batches: 0 };
  let handler: ChangeFeedHandler | undefined;
  const inner = memory();
  const backend: Backend = {
    name: inner.name,
    region: inner.region,
    open(): BackendParts {
      const parts = inner.open();
      const l2 = overriding<Store>(parts.store, store);
      const feed = overriding<BackendParts['feed']>(parts.feed, {
        open(given) {
          handler = given;
          return parts.feed.open(given);
        },
      });
      return { ...parts, close: () => parts.close(), store: counting(l2, requests), feed };
    },
  };
  const tidemark = createTidemark({ service: 'bench', backend, caches: [definition], ...options });
  return { cache: tidemark.cache(definition), tidemark, handler: () => handler, requests };
}

function counting(store: Store, requests: BenchPod['requests']): Store {
  return overriding<Store>(store, {
    read(...given) {
      requests.reads += 1;
      return store.read(...given);
    },
    readMany(...given) {
      requests.batches += 1;
      return store.readMany(...given);
    },
  });
}
