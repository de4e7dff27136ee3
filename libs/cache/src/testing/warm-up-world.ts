import { encodeControl, encodeEvent, type Route, WriteClock } from '@tidemark/protocol';
import { MetricRegistry } from '@tidemark/runtime';
import { eventually, ManualClock, recordingLogger, settle } from '@tidemark/runtime/testing';
import { type Backend, type ChangeFeed, type ChangeFeedHandler, type Store } from '../backend.js';
import { type Cache } from '../cache.js';
import { type CacheTuning, defineCache } from '../define-cache.js';
import { trust } from '../standard-schema.js';
import { createTidemark, type Tidemark, type TidemarkOptions } from '../tidemark.js';
import { ListStore } from '../warm-up/list-store.js';
import { type WarmUpOptions } from '../warm-up/warm-up-options.js';
import { FakeStore } from './fake-store.js';

const route: Route = {
  ...{ table: 'things', version: 1, writerEpoch: 1, topics: { a: 1 }, deleted: false },
  ...{ changedAt: 0, changedBy: 'test' },
};

/** One partition; what comes and when is the test's to say. */
class HandFeed implements ChangeFeed {
  handler: ChangeFeedHandler | undefined;

  async open(handler: ChangeFeedHandler): Promise<void> {
    this.handler = handler;
    handler.onState('live');
    handler.onRoute(route);
  }

  async tail(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return new Map(topics.map((topic) => [topic, 1]));
  }

  async close(): Promise<void> {}

  watermark(since = 1): void {
    this.#record(encodeControl({ control: 'watermark', table: 'things', at: 10, streamId: 's', since }));
  }

  /** A foreign change of an item. */
  change(key: string): void {
    this.#record(
      encodeEvent({
        ...{ table: 'things', key: `things:${key}`, kind: 'modify', from: null, to: null, stampUs: 5, expiresAt: null },
        ...{ codec: null, lane: 'cdc', region: 'here', position: null, value: Buffer.from('"changed"') },
      }),
    );
  }

  #record(record: ReturnType<typeof encodeControl>): void {
    this.handler?.onBatch({ topic: 'a', partition: 0, records: [record] });
  }
}

/** A pod that starts over a table with items and lists. */
export class WarmUpWorld {
  readonly clock = new ManualClock();
  readonly store = new FakeStore({ clock: this.clock });
  readonly feed = new HandFeed();
  readonly logger = recordingLogger();
  readonly metrics = new MetricRegistry();
  readonly tidemark: Tidemark;
  readonly cache: Cache<string>;
  started: Promise<void> = Promise.resolve();
  isReady = false;

  constructor(
    warmUp: WarmUpOptions,
    tuning: CacheTuning = {},
    overrides: Partial<Store> = {},
    overload: TidemarkOptions['overload'] = {},
  ) {
    const { clock, feed, logger, metrics } = this;
    const store: Store = Object.assign(Object.create(this.store) as Store, overrides);
    const definition = defineCache({ name: 'things', table: 'things', schema: trust<string>(), warmUp, ...tuning });
    const pods = { report: async () => undefined, read: async () => ({ now: 0, pods: [] }) };
    const parts = { store: bound(store, this.store), feed, publisher: { publish: async () => [] }, pods };
    const backend: Backend = { name: 'test', region: 'here', open: () => ({ ...parts, close: async () => undefined }) };
    this.tidemark = createTidemark({
      ...{ service: 'test', backend, caches: [definition] },
      ...{ clock, logger, metrics, overload },
    });
    this.cache = this.tidemark.cache(definition);
  }

  put(...keys: readonly string[]): void {
    for (const key of keys)
      this.store.writeItem('things', { key: { S: `things:${key}` }, value: { S: JSON.stringify(`of ${key}`) } });
  }

  /** Puts a list, hottest first, as the pods of a region would have. */
  async list(region: string, hot: readonly string[], recent: readonly string[] = []): Promise<void> {
    const { clock, store } = this;
    const lists = new ListStore({
      ...{ store, table: 'things', cache: 'things', region, clock, timeoutMs: 1_000, newLeaseId: () => 'l' },
      writeClock: new WriteClock('00000000000000ff', () => clock.now()),
    });
    const list = {
      at: clock.now(),
      hot: hot.map((key, at) => ({ key, rate: 1_000_000 - at })),
      recent: recent.map((key) => ({ key, age: 0 })),
    };
    const written = lists.write(list, new AbortController().signal);
    await this.passing(written);
    store.calls.length = 0;
  }

  /** Starts the pod and lets it follow its table. */
  async start(): Promise<void> {
    this.started = this.tidemark.start().then(() => {
      this.isReady = true;
    });
    await settle();
    await this.clock.advance(0);
    this.feed.watermark();
    await settle();
  }

  /** Moves the clock until the warm-up has ended. */
  async warmed(stepMs = 10): Promise<void> {
    await eventually('the end of the warm-up', async () => {
      await this.clock.advance(stepMs);
      return !['waiting', 'running'].includes(this.cache.warmUp().state);
    });
  }

  async passing<T>(call: Promise<T>): Promise<T> {
    let settled = false;
    void call.catch(() => undefined).finally(() => (settled = true));
    await eventually('the call to end', async () => {
      await this.clock.advance(50);
      return settled;
    });
    return call;
  }

  held(...keys: readonly string[]): (string | undefined)[] {
    return keys.map((key) => this.cache.getIfPresent(key));
  }
}

function bound(store: Store, self: FakeStore): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return Object.hasOwn(target, name) ? value : (value.bind(self) as unknown);
    },
  });
}
