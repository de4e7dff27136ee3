import { createCache } from 'cache-manager';
import { createKeyv } from 'cacheable';
import { Keyv } from 'keyv';
import { type Library, type PodCache } from '../cluster.js';
import { type Place, PubSubCluster } from '../pub-sub-cluster.js';
import { keyvStore } from './keyv-store.js';

const hourMs = 3_600_000;
const noBus = 'no bus: what a pod holds stays until its time is up, whatever other pods write';

/** Two stores, read by `wrap`, which alone fills the first from the second, with its refresh ahead of expiry in all stores. */
export const cacheManager: Library = {
  name: 'cache-manager',
  settings: [
    '`createCache({ stores: [createKeyv({ lruSize: 5000 }), new Keyv({ store: … })], ttl: 1 h, refreshThreshold: 5 min, refreshAllStores: true })`',
    '`wrap` reads and loads: `get` would leave the first store empty',
  ],
  lacks: { bus: noBus, 'remote clear': noBus },
  open: () => new PubSubCluster(openPod),
};

function openPod(place: Place): PodCache {
  const cache = createCache({
    stores: [createKeyv({ lruSize: 5_000 }), new Keyv({ store: keyvStore(place) })],
    ttl: hourMs,
    refreshThreshold: hourMs / 12,
    refreshAllStores: true,
  });
  for (const store of cache.stores) store.on('error', () => undefined);
  return {
    get: async (key) => {
      // A loader that returned nothing would have `wrap` write the nothing into both stores.
      const absent = new Error('absent');
      const nothing = (error: unknown): undefined => {
        if (error !== absent) throw error;
      };
      return cache.wrap<string>(key, () => Promise.reject(absent)).catch(nothing);
    },
    put: async (key, value) => void (await cache.set(key, value)),
    load: (key, load) => cache.wrap(key, load),
    clear: async () => void (await cache.clear()),
    close: async () => void (await cache.disconnect()),
  };
}
