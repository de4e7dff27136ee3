import { type KeyvStoreAdapter } from 'keyv';
import { type Place } from '../pub-sub-cluster.js';

/** Keyv's interface of a storage adapter, over the pod's link to the shared map. Nothing here lives as long as the time to live. */
export function keyvStore({ items, l2 }: Place): KeyvStoreAdapter {
  const adapter: KeyvStoreAdapter = {
    opts: {},
    get: <Value>(key: string) => l2.read(() => items.get(key) as Value | undefined),
    set: (key, value: string) => l2.write(() => items.set(key, value).has(key)),
    delete: (key) => l2.write(() => items.delete(key)),
    clear: () => l2.write(() => items.clear()),
    on: () => adapter,
  };
  return adapter;
}
