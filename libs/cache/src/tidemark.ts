import { isBucket, WriteClock } from '@tidemark/protocol';
import {
  type Clock,
  type Duration,
  isTidemarkError,
  type Logger,
  messageOf,
  MetricRegistry,
  parseDuration,
  silentLogger,
  systemClock,
  TidemarkError,
} from '@tidemark/runtime';
import { randomBytes, randomUUID } from 'node:crypto';
import { type Backend, type BackendParts } from './backend.js';
import { buildCache } from './build-cache.js';
import { type Cache } from './cache.js';
import { type CacheDefinition } from './define-cache.js';
import { FeedFollower } from './feed-follower.js';
import { type L2Writer } from './l2-writer.js';
import { invalidOption, onlyFields } from './options.js';

export interface TidemarkOptions {
  /** Name of the service, `[a-z0-9-]`: part of its pods' consumer groups. */
  readonly service: string;
  readonly backend: Backend;
  readonly caches: readonly CacheDefinition[];
  /** `start()` returns by then, live or not; default `'5s'`. */
  readonly startDeadline?: Duration;
  /** `close()` waits this long for writes in hand; default `'5s'`. */
  readonly drainDeadline?: Duration;
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
  readonly clock?: Clock;
}

/** `starting` → `live` ⇄ `interrupted` → `closed`. Reads and writes work in all but `closed`; L1 keeps what it reads only where it is followed. */
export type TidemarkState = 'starting' | 'live' | 'interrupted' | 'closed';

export interface TidemarkHealth {
  readonly state: TidemarkState;
  readonly tables: Readonly<
    Record<
      string,
      {
        readonly topic: string | null;
        readonly live: boolean;
        /** Ms; `null` before the first watermark. */ readonly stalenessMs: number | null;
      }
    >
  >;
}

const fields = ['service', 'backend', 'caches', 'startDeadline', 'drainDeadline', 'logger', 'metrics', 'clock'];

/** One pod's caches on one backend. Throws `INVALID_OPTIONS` naming the field; connects to nothing before `start()`. */
export function createTidemark(options: TidemarkOptions): Tidemark {
  return new Tidemark(options);
}

export class Tidemark {
  readonly #options: TidemarkOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #parts: BackendParts;
  readonly #follower: FeedFollower;
  readonly #caches = new Map<CacheDefinition, Cache<unknown>>();
  readonly #writers: L2Writer[] = [];
  readonly #startDeadlineMs: number;
  readonly #drainDeadlineMs: number;
  #wake: (() => void)[] = [];
  #started: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: TidemarkOptions) {
    validate(options);
    this.#options = options;
    this.#startDeadlineMs = parseDuration(options.startDeadline ?? '5s', 'startDeadline');
    this.#drainDeadlineMs = parseDuration(options.drainDeadline ?? '5s', 'drainDeadline');
    const { backend, service } = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    const metrics = options.metrics ?? new MetricRegistry();
    this.#parts = backend.open({ service, podId: randomUUID(), clock: this.#clock, logger: this.#logger, metrics });
    const tables = [...new Set(options.caches.map(({ table }) => table))];
    this.#follower = new FeedFollower({
      feed: this.#parts.feed,
      region: backend.region,
      tables,
      logger: this.#logger,
      metrics,
      onProgress: () => this.#onProgress(),
    });
    const writeClock = new WriteClock(randomBytes(8).toString('hex'), () => this.#clock.now());
    for (const definition of options.caches) {
      const built = buildCache({
        definition,
        region: backend.region,
        store: this.#parts.store,
        follower: this.#follower,
        clock: this.#clock,
        writeClock,
        metrics,
        isClosed: () => this.#closing !== undefined,
      });
      this.#caches.set(definition, built.cache);
      this.#writers.push(built.writer);
    }
  }

  /** Every cache by its name. */
  get caches(): Readonly<Record<string, Cache<unknown>>> {
    return Object.fromEntries([...this.#caches].map(([{ name }, cache]) => [name, cache]));
  }

  /** The cache of a definition, with its type. Throws `INVALID_OPTIONS` for a definition that this Tidemark was not given. */
  cache<V>(definition: CacheDefinition<V>): Cache<V> {
    const cache = this.#caches.get(definition);
    if (cache === undefined) throw invalidOption('cache', 'a definition handed to createTidemark', definition?.name);
    return cache as Cache<V>;
  }

  /**
   * Checks the tables, fixes positions in the change feed, and resolves when every partition is followed, or at `startDeadline`: a pod
   * never waits longer. Until it is live it reads through. Throws only for what waiting cannot mend: `TABLE_MISSING`,
   * `ACCESS_DENIED`, `INVALID_CONFIGURATION`.
   */
  start(): Promise<void> {
    if (this.#closing !== undefined)
      return Promise.reject(new TidemarkError('CLOSED', 'this Tidemark is closed', { retriable: false }));
    this.#started ??= this.#start();
    return this.#started;
  }

  health(): TidemarkHealth {
    const now = this.#clock.now();
    const tables: Record<string, TidemarkHealth['tables'][string]> = {};
    for (const { table } of this.#options.caches) {
      const follower = this.#follower.table(table);
      const watermark = follower?.watermark ?? 0;
      tables[table] = {
        topic: follower?.target ?? null,
        live: follower?.live ?? false,
        stalenessMs: watermark === 0 ? null : Math.max(0, now - watermark),
      };
    }
    return { state: this.#state(), tables };
  }

  /** Refuses new calls, waits for writes in hand (at most `drainDeadline`), then lets go of the feed and the backend. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #state(): TidemarkState {
    if (this.#closing !== undefined) return 'closed';
    if (!this.#follower.live) return 'starting';
    return this.#follower.state === 'live' ? 'live' : 'interrupted';
  }

  async #start(): Promise<void> {
    const endMs = this.#clock.monotonicMs() + this.#startDeadlineMs;
    await this.#checkTables();
    this.#follower
      .open()
      .catch((error: unknown) => this.#logger.error({ error: messageOf(error) }, 'change feed could not be opened'));
    await this.#untilLive(endMs);
    if (this.#follower.live) this.#logger.info({ service: this.#options.service }, 'live');
    else
      this.#logger.warn(
        this.health().tables,
        'start deadline passed before every table was followed; reading through until then',
      );
  }

  async #checkTables(): Promise<void> {
    const tables = [...new Set(this.#options.caches.map(({ table }) => table))];
    await Promise.all(
      tables.map(async (table) => {
        try {
          await this.#parts.store.check(table, { timeoutMs: this.#startDeadlineMs });
        } catch (error) {
          if (!isTidemarkError(error) || !error.retriable) throw error;
          this.#logger.warn({ table, error: error.message }, 'table could not be checked at start');
        }
      }),
    );
  }

  /** Waits until every partition is followed, or the deadline. */
  async #untilLive(endMs: number): Promise<void> {
    while (!this.#follower.live && this.#closing === undefined) {
      const leftMs = endMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return;
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.setTimer(resolve, leftMs);
        this.#wake.push(() => {
          cancel();
          resolve();
        });
      });
    }
  }

  async #close(): Promise<void> {
    this.#onProgress();
    const drained = Promise.all(this.#writers.map((writer) => writer.idle())).then(() => undefined);
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.setTimer(resolve, this.#drainDeadlineMs);
      void drained.finally(() => {
        cancel();
        resolve();
      });
    });
    await this.#follower.close();
    await this.#parts.close();
  }

  #onProgress(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const fn of wake) fn();
  }
}

function validate(options: TidemarkOptions): void {
  if (typeof options !== 'object' || options === null) throw invalidOption('createTidemark', 'an object', options);
  onlyFields('createTidemark', options, fields);
  const { service, backend } = options;
  if (typeof service !== 'string' || !isBucket(service))
    throw invalidOption('service', '1 to 64 lower-case letters, digits and hyphens', service);
  if (typeof (backend as { open?: unknown } | undefined)?.open !== 'function')
    throw invalidOption('backend', 'a backend such as aws({ … }) or memory()', backend);
  validateCaches(options.caches);
}

function validateCaches(caches: readonly (CacheDefinition | undefined)[]): void {
  if (!Array.isArray(caches) || caches.length === 0)
    throw invalidOption('caches', 'at least one definition made by defineCache', caches);
  const names = new Set<string>();
  for (const [index, definition] of (caches as readonly (CacheDefinition | undefined)[]).entries()) {
    if (definition?.codec === undefined || !isBucket(definition.name))
      throw invalidOption(`caches[${index}]`, 'a definition made by defineCache', definition);
    if (names.has(definition.name))
      throw invalidOption(`caches[${index}].name`, 'a name that no other cache has', definition.name);
    names.add(definition.name);
  }
}
