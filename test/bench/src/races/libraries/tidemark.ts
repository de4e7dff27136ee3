import {
  type Backend,
  type BackendParts,
  type Cache,
  createTidemark,
  defineCache,
  memory,
  type MemoryBackend,
  trust,
} from '@tidemark/cache';
import { ManualClock } from '@tidemark/runtime/testing';
import { type Cluster, type Library, type Pod } from '../cluster.js';
import { L2Link } from '../l2-link.js';
import { FaultyFeed } from './faulty-feed.js';
import { overriding } from './overriding.js';

const definition = defineCache({ name: 'races', table: 'races', schema: trust<string>(), maxStaleness: '5s' });

/** As it comes, on `memory()`: one region's replica and its change feed in the process. */
export const tidemark: Library = {
  name: 'tidemark',
  settings: [
    "`createTidemark({ backend: memory(), caches: [defineCache({ …, maxStaleness: '5s' })] })`, the rest as it comes, on a clock that the script moves",
    '`getOrLoad` loads',
    'no `clear`: it deletes every key',
  ],
  lacks: {},
  open: () => new TidemarkCluster(),
};

class TidemarkCluster implements Cluster {
  readonly #clock = new ManualClock();
  readonly #region: MemoryBackend = memory({ clock: this.#clock });
  readonly #keys = new Set<string>();
  readonly #pods: Pod[] = [];
  #refusesEvents = false;

  async startPod(): Promise<Pod> {
    const l2 = new L2Link();
    const feed = new FaultyFeed();
    const backend = this.#backend(l2, feed);
    const tidemark = createTidemark({ service: 'races', backend, clock: this.#clock, caches: [definition] });
    const starting = tidemark.start();
    await this.settle();
    await starting;
    const cache = tidemark.cache(definition);
    const pod = { ...this.#operations(cache), close: () => tidemark.close(), l2, bus: feed.link };
    this.#pods.push(pod);
    return pod;
  }

  /** Records are due at once, on a clock that stands still. */
  settle(): Promise<void> {
    return this.#clock.advance(10);
  }

  pass(ms: number): Promise<void> {
    return this.#clock.advance(ms);
  }

  busDown(publishing: 'waits' | 'fails'): void {
    this.#refusesEvents = publishing === 'fails';
    for (const { bus } of this.#pods) bus.cut();
  }

  busUp(): void {
    this.#refusesEvents = false;
    for (const { bus } of this.#pods) bus.restore();
  }

  async close(): Promise<void> {
    for (const pod of this.#pods) await pod.close();
  }

  #operations(cache: Cache<string>): Omit<Pod, 'l2' | 'bus' | 'close'> {
    return {
      get: (key) => cache.get(key),
      put: async (key, value) => {
        this.#keys.add(key);
        await cache.put(key, value);
      },
      load: (key, load) => cache.getOrLoad(key, load),
      clear: async () => {
        for (const key of this.#keys) await cache.delete(key);
      },
    };
  }

  /** The region as one pod sees it: every call of the store goes over its link to L2, everything that is fed over its link to the bus. */
  #backend(l2: L2Link, feed: FaultyFeed): Backend {
    const region = this.#region;
    const open = (): BackendParts => {
      const parts = region.open();
      const { store, publisher } = parts;
      return {
        ...parts,
        feed: feed.over(parts.feed),
        store: overriding(store, {
          read: (...call) => l2.read(() => store.read(...call)),
          readMany: (...call) => l2.read(() => store.readMany(...call)),
          put: (...call) => l2.write(() => store.put(...call)),
          delete: (...call) => l2.write(() => store.delete(...call)),
          acquireLease: (...call) => l2.write(() => store.acquireLease(...call)),
          releaseLease: (...call) => l2.write(() => store.releaseLease(...call)),
        }),
        publisher: overriding(publisher, {
          publish: async (...call) => {
            if (this.#refusesEvents) throw new Error('the bus is down');
            return publisher.publish(...call);
          },
        }),
      };
    };
    return { name: region.name, region: region.region, open };
  }
}
