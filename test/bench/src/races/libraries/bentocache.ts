import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { type BusDriver, type BusOptions, type L2CacheDriver } from 'bentocache/types';
import { type Library, type PodCache } from '../cluster.js';
import { haste, type Place, PubSubCluster } from '../pub-sub-cluster.js';

/** As "Multi tier" of its documentation sets it up: memory, a shared store, and a bus with its retry queue. */
export const bentocache: Library = {
  name: 'bentocache',
  settings: [
    "`bentostore().useL1Layer(memoryDriver({ maxSize: '10mb' })).useL2Layer(…).useBus(…)`, `ttl: '1h'`, the rest as it comes",
    `the bus's retry queue enabled, as it comes; its \`retryInterval\` of 2 s divided by ${haste} like all time`,
    '`getOrSet` loads',
  ],
  lacks: {},
  open: () => new PubSubCluster(openPod),
};

function openPod(place: Place): PodCache {
  const busOptions: BusOptions = { retryQueue: { enabled: true, retryInterval: 2_000 / haste } };
  const store = bentostore()
    .useL1Layer(memoryDriver({ maxSize: '10mb' }))
    .useL2Layer({ options: {}, factory: () => sharedStore(place) })
    .useBus({ options: busOptions, factory: () => busDriver(place) });
  const bento = new BentoCache({ default: 'cache', ttl: '1h', stores: { cache: store } });
  return {
    get: (key) => bento.get<string>({ key }),
    put: async (key, value) => void (await bento.set({ key, value })),
    load: (key, load) => bento.getOrSet({ key, factory: load }),
    clear: () => bento.clear(),
    close: () => bento.disconnect(),
  };
}

/** Its interface of a cache driver, over the pod's link to the shared map. Nothing here lives as long as the time to live. */
function sharedStore({ items, l2 }: Place): L2CacheDriver {
  const driver: L2CacheDriver = {
    type: 'l2',
    namespace: () => driver,
    get: (key) => l2.read(() => items.get(key)),
    pull: (key) =>
      l2.write(() => {
        const value = items.get(key);
        items.delete(key);
        return value;
      }),
    set: (key, value) => l2.write(() => items.set(key, value).has(key)),
    clear: () => l2.write(() => items.clear()),
    delete: (key) => l2.write(() => items.delete(key)),
    deleteMany: (keys) => l2.write(() => keys.map((key) => items.delete(key)).includes(true)),
    disconnect: async () => undefined,
  };
  return driver;
}

/** Its interface of a bus driver. Like its Redis driver, it passes over what its own pod has sent. */
function busDriver({ pubSub, bus, onReconnect }: Place): BusDriver {
  let busId = '';
  const driver: BusDriver = {
    setId: (id) => {
      busId = id;
      return driver;
    },
    onReconnect,
    publish: (channel, payload) => pubSub.publish(channel, { busId, payload }),
    subscribe: async (channel, handler) =>
      pubSub.subscribe(bus, channel, (message) => {
        const { busId: sender, payload } = message as { busId: string; payload: Parameters<typeof handler>[0] };
        if (sender !== busId) void handler(payload);
      }),
    unsubscribe: async (channel) => pubSub.unsubscribe(bus, channel),
    disconnect: async () => pubSub.unsubscribe(bus),
  };
  return driver;
}
