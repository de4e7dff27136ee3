import { type Library, type PodCache } from './cluster.js';
import { haste, type Place, PubSubCluster } from './pub-sub-cluster.js';

/** A cache that believes whatever comes last: every race must find it stale, or the race finds nothing. */
export const naive: Library = { name: 'naive', settings: [], lacks: {}, open: () => new PubSubCluster(openPod) };

type Message = { readonly from: unknown; readonly key?: string; readonly value?: string };

function openPod({ items, l2, bus, pubSub }: Place): PodCache {
  const l1 = new Map<string, string>();
  const me = Math.random();
  pubSub.subscribe(bus, 'changes', (message) => {
    const { from, key, value } = message as Message;
    if (from === me) return;
    if (key === undefined) l1.clear();
    else if (value !== undefined) l1.set(key, value);
  });
  /** Nobody waits for it, and it gives up after five seconds. */
  const publish = (message: Omit<Message, 'from'>): void => {
    const signal = AbortSignal.timeout(5_000 / haste);
    pubSub.publish('changes', { from: me, ...message }, signal).catch(() => undefined);
  };
  const get = async (key: string): Promise<string | undefined> => {
    const held = l1.get(key);
    if (held !== undefined) return held;
    const value = await l2.read(() => items.get(key));
    if (value !== undefined) l1.set(key, value);
    return value;
  };
  const put = async (key: string, value: string): Promise<void> => {
    await l2.write(() => items.set(key, value));
    l1.set(key, value);
    publish({ key, value });
  };
  return {
    get,
    put,
    load: async (key, load) => {
      const found = await get(key);
      if (found !== undefined) return found;
      const value = await load();
      await put(key, value);
      return value;
    },
    clear: async () => {
      await l2.write(() => items.clear());
      l1.clear();
      publish({});
    },
    close: async () => pubSub.unsubscribe(bus),
  };
}
