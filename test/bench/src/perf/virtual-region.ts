import {
  type Backend,
  type BackendParts,
  type Cache,
  type CacheTuning,
  createTidemark,
  defineCache,
  memory,
  type MemoryBackend,
  type Store,
  type Tidemark,
  type TidemarkOptions,
  trust,
} from '@tidemark/cache';
import { formatWriteId, type ItemImage } from '@tidemark/protocol';
import { type Clock } from '@tidemark/runtime';
import { type ManualClock } from '@tidemark/runtime/testing';
import { overriding } from '../races/libraries/overriding.js';

const table = 'bench';
const bucket = 'bench';

export interface Small {
  readonly id: number;
}

/** Pods of one region on the backend in memory, in virtual time, over an L2 in which every key of the cache has a value. What pods keep there for each other is in every region. */
export class VirtualRegion {
  readonly #clock: ManualClock;
  /** What its pods see. */
  readonly #wholeClock: Clock;
  readonly #backend: MemoryBackend;
  readonly #tidemarks: Tidemark[] = [];
  /** Of what is in no cache: the pods' lists of hot keys. */
  readonly #lists: Store;
  #keysRead = 0;

  /** `replicaOf`: a region whose lists are replicated here. */
  constructor(clock: ManualClock, region = 'local', replicaOf?: VirtualRegion) {
    this.#clock = clock;
    this.#wholeClock = wholeMs(clock);
    this.#backend = memory({ region, clock: this.#wholeClock });
    this.#lists = replicaOf === undefined ? this.#backend.open().store : replicaOf.#lists;
  }

  /** Keys that L2 was asked for. */
  get keysRead(): number {
    return this.#keysRead;
  }

  async startPods(
    count: number,
    tuning: CacheTuning,
    options: Partial<TidemarkOptions> = {},
  ): Promise<readonly Cache<Small>[]> {
    const definition = defineCache({ name: bucket, table, schema: trust<Small>(), ...tuning });
    const tidemarks = Array.from({ length: count }, () =>
      createTidemark({
        ...{ service: 'bench', backend: this.#counting(), caches: [definition], clock: this.#wholeClock },
        ...options,
      }),
    );
    this.#tidemarks.push(...tidemarks);
    let isStarted = false;
    const started = Promise.all(tidemarks.map((tidemark) => tidemark.start())).finally(() => (isStarted = true));
    // A warm-up takes its time.
    while (!isStarted) await this.#clock.advance(1);
    await started;
    return tidemarks.map((tidemark) => tidemark.cache(definition));
  }

  /** Every pod drops what it holds, as after a gap, a change of routes or an invalidation of everything. */
  flush(): void {
    this.#backend.flushTable(table, 'bench');
  }

  async close(): Promise<void> {
    const closed = Promise.all(this.#tidemarks.map((tidemark) => tidemark.close()));
    await this.#clock.advance(10_000);
    await closed;
  }

  #counting(): Backend {
    const { name, region } = this.#backend;
    const count = (keys: number): void => {
      this.#keysRead += keys;
    };
    return {
      ...{ name, region },
      open: (): BackendParts => {
        const parts = this.#backend.open();
        return {
          ...parts,
          close: () => parts.close(),
          store: overriding<Store>(parts.store, fullStore(this.#lists, count)),
        };
      },
    };
  }
}

const image: Omit<ItemImage, 'key'> = {
  value: '{"id":1}',
  writeId: formatWriteId({ ms: 1_600_000_000_000, counter: 0, incarnation: '0123456789abcdef' }),
  ...{ codec: null, expiresAt: null, writtenBy: null, tombstone: false, leaseId: null, leaseUntil: null },
  loaded: false,
};

function fullStore(lists: Store, count: (keys: number) => void): Partial<Store> {
  const isOfCache = (key: string | undefined): boolean => key?.startsWith(`${bucket}:`) === true;
  return {
    async read(from, key, call) {
      if (!isOfCache(key)) return lists.read(from, key, call);
      count(1);
      return { ...image, key };
    },
    async readMany(from, keys, call) {
      if (!isOfCache(keys[0])) return lists.readMany(from, keys, call);
      count(keys.length);
      return { items: new Map(keys.map((key) => [key, { ...image, key }])), unread: new Map() };
    },
    put: (...given) => lists.put(...given),
    acquireLease: (...given) => lists.acquireLease(...given),
    releaseLease: (...given) => lists.releaseLease(...given),
  };
}

/** As the system's clock is read: virtual time stands wherever a timer has fired. */
function wholeMs(clock: Clock): Clock {
  return {
    now: () => Math.floor(clock.now()),
    monotonicMs: () => clock.monotonicMs(),
    setTimer: (fn, delayMs, options) => clock.setTimer(fn, delayMs, options),
  };
}
