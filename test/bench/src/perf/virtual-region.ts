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
import { type ManualClock } from '@tidemark/runtime/testing';
import { overriding } from '../races/libraries/overriding.js';

const table = 'bench';

export interface Small {
  readonly id: number;
}

/** Pods of one region on the backend in memory, in virtual time, over an L2 in which every key has a value. */
export class VirtualRegion {
  readonly #clock: ManualClock;
  readonly #backend: MemoryBackend;
  readonly #tidemarks: Tidemark[] = [];
  #keysRead = 0;

  constructor(clock: ManualClock, region = 'local') {
    this.#clock = clock;
    this.#backend = memory({ region, clock });
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
    const definition = defineCache({ name: 'bench', table, schema: trust<Small>(), ...tuning });
    const tidemarks = Array.from({ length: count }, () =>
      createTidemark({
        ...{ service: 'bench', backend: this.#counting(), caches: [definition], clock: this.#clock },
        ...options,
      }),
    );
    this.#tidemarks.push(...tidemarks);
    const started = Promise.all(tidemarks.map((tidemark) => tidemark.start()));
    await this.#clock.advance(1);
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
        return { ...parts, close: () => parts.close(), store: overriding<Store>(parts.store, fullStore(count)) };
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

function fullStore(count: (keys: number) => void): Partial<Store> {
  return {
    async read(_table, key) {
      count(1);
      return { ...image, key };
    },
    async readMany(_table, keys) {
      count(keys.length);
      return { items: new Map(keys.map((key) => [key, { ...image, key }])), unread: new Map() };
    },
  };
}
