import { Cacheable, CacheableEvents, type CacheableSync } from 'cacheable';
import { Keyv } from 'keyv';
import { type Library, type PodCache } from '../cluster.js';
import { type Place, PubSubCluster } from '../pub-sub-cluster.js';
import { keyvStore } from './keyv-store.js';

type MessageProvider = Extract<Parameters<CacheableSync['createQified']>[0], { publish: unknown; id: unknown }>;

/** Its two levels, blocking as they come, kept in step by CacheableSync. */
export const cacheable: Library = {
  name: 'cacheable',
  settings: [
    "`new Cacheable({ secondary: new Keyv({ store: … }), sync: { qified: … }, ttl: '1h' })`, the rest as it comes",
    '`getOrSet` loads',
  ],
  lacks: { 'remote clear': 'CacheableSync sends set and delete; `clear()` reaches L2 and the pod that calls it' },
  open: () => new PubSubCluster(openPod),
};

function openPod(place: Place): PodCache {
  const cache = new Cacheable({
    secondary: new Keyv({ store: keyvStore(place) }),
    sync: { qified: messageProvider(place) },
    ttl: '1h',
  });
  cache.on(CacheableEvents.ERROR, () => undefined);
  return {
    get: (key) => cache.get<string>(key),
    put: async (key, value) => void (await cache.set(key, value)),
    load: (key, load) => cache.getOrSet(key, load),
    clear: () => cache.clear(),
    close: () => cache.disconnect(),
  };
}

/** Its interface of a message provider. Like its Redis provider, it brings a pod its own messages too; CacheableSync passes over them. */
function messageProvider({ pubSub, bus }: Place): MessageProvider {
  const provider: MessageProvider = {
    id: 'pub-sub',
    subscriptions: new Map(),
    publish: (topic, message) => pubSub.publish(topic, { ...message, providerId: provider.id }),
    subscribe: async (topic, { handler }) =>
      pubSub.subscribe(bus, topic, (message) => void handler(message as Parameters<typeof handler>[0])),
    unsubscribe: async (topic) => pubSub.unsubscribe(bus, topic),
    disconnect: async () => pubSub.unsubscribe(bus),
  };
  return provider;
}
