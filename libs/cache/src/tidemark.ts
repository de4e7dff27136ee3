import { isBucket, WriteClock } from '@tidemark/protocol';
import {
  type ByteSize,
  type Clock,
  type Duration,
  type Entropy,
  every,
  isTidemarkError,
  type Logger,
  messageOf,
  MetricRegistry,
  parseDuration,
  silentLogger,
  systemClock,
  systemEntropy,
  TidemarkError,
} from '@tidemark/runtime';
import { type Backend, type BackendParts } from './backend.js';
import { buildCache, type BuiltCache, type PublishingParts } from './build-cache.js';
import { type Cache } from './cache.js';
import { type CacheDefinition, checkDefinition } from './define-cache.js';
import { FastLane } from './fast-lane.js';
import { FeedFollower } from './feed-follower.js';
import { invalidOption, oneOf, onlyFields, stalenessLimit, withMethods } from './options.js';
import { MemoryBudget } from './memory-budget.js';
import { type OverloadOptions, TableGuards } from './overload/table-guards.js';
import { PodReporter } from './pod-reporter.js';
import { Visibility } from './visibility.js';
import { type WarmUpProgress } from './warm-up/warm-up.js';

export interface TidemarkOptions {
  /** Name of the service, `[a-z0-9-]`: part of its pods' consumer groups. */
  readonly service: string;
  readonly backend: Backend;
  /** More can be added with `add` until `start()`; default none. */
  readonly caches?: readonly CacheDefinition[];
  /** `start()` returns by then, live or not, save for warm-ups, which have deadlines of their own from there; default `'5s'`. */
  readonly startDeadline?: Duration;
  /** `close()` waits this long for writes and loads in hand; default `'5s'`. */
  readonly drainDeadline?: Duration;
  /** Heap that the L1s of all caches may take together; more is refused. Default: half of what V8 may use. */
  readonly maxSize?: ByteSize;
  /** Bound on the staleness of what L1 serves, for caches that set none; default none. At least `'4s'`. */
  readonly maxStaleness?: Duration;
  /**
   * Whether this pod writes to Kafka: its acknowledged writes ahead of the change log, its progress, invalidations. Default `true`; `false` where a
   * service may only read there: `whenVisible` is then unavailable, and others' `whenVisible` does not wait for this pod.
   */
  readonly fastLane?: boolean;
  /** Bounds on what the caches of this pod ask of each table. */
  readonly overload?: OverloadOptions;
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
  readonly clock?: Clock;
  /** Default: the operating system's. */
  readonly entropy?: Entropy;
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
  /** By cache, of those that have a `warmUp`. */
  readonly warmUp: Readonly<Record<string, WarmUpProgress>>;
}

const fields = [
  ...['service', 'backend', 'caches', 'startDeadline', 'drainDeadline', 'maxSize', 'maxStaleness', 'fastLane'],
  'overload',
  ...['logger', 'metrics', 'clock', 'entropy'],
];
/** How often caches look whether they have fallen behind their `maxStaleness`, ms. */
const stalenessWatchMs = 1_000;
/** How long a pod may take to give its leases up, and then to take its leave on the pods topic, ms each. */
const leaveTimeoutMs = 1_000;

/** One pod's caches on one backend. Throws `INVALID_OPTIONS` naming the field; connects to nothing before `start()`. */
export function createTidemark(options: TidemarkOptions): Tidemark {
  return new Tidemark(options);
}

export class Tidemark {
  readonly #service: string;
  readonly #region: string;
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  readonly #logger: Logger;
  readonly #metrics: MetricRegistry;
  readonly #parts: BackendParts;
  readonly #follower: FeedFollower;
  readonly #writeClock: WriteClock;
  readonly #built = new Map<string, BuiltCache & { readonly definition: CacheDefinition }>();
  readonly #maxStalenessMs: number;
  readonly #lane: PublishingParts | undefined;
  readonly #reporter: PodReporter | undefined;
  #stopWatch: () => void = () => undefined;
  readonly #guards: TableGuards;
  readonly #budget: MemoryBudget;
  readonly #startDeadlineMs: number;
  readonly #drainDeadlineMs: number;
  #wake: (() => void)[] = [];
  #started: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: TidemarkOptions) {
    validate(options);
    const { backend, service, clock = systemClock, logger = silentLogger, metrics = new MetricRegistry() } = options;
    this.#startDeadlineMs = parseDuration(options.startDeadline ?? '5s', 'startDeadline');
    this.#drainDeadlineMs = parseDuration(options.drainDeadline ?? '5s', 'drainDeadline');
    this.#service = service;
    this.#region = backend.region;
    this.#clock = clock;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#maxStalenessMs =
      options.maxStaleness === undefined ? Infinity : stalenessLimit('maxStaleness', options.maxStaleness);
    this.#budget = new MemoryBudget(options.maxSize);
    const { entropy = systemEntropy } = options;
    this.#entropy = entropy;
    const podId = entropy.uuid();
    this.#parts = backend.open({ service, podId, clock, logger, metrics });
    this.#guards = this.#openGuards(options.overload, podId, options.fastLane);
    this.#follower = new FeedFollower({
      feed: this.#parts.feed,
      region: backend.region,
      ...{ service, logger, metrics, clock },
      onProgress: () => this.#onProgress(),
      onReportAsked: () => this.#reporter?.ask(),
    });
    if (options.fastLane ?? true) {
      this.#lane = this.#openLane();
      this.#reporter = this.#openReporter(podId);
    }
    this.#writeClock = new WriteClock(entropy.hex(16), () => clock.now());
    for (const definition of options.caches ?? []) this.add(definition);
  }

  /** Adds a cache before `start()`; the same definition twice is one cache. Throws `INVALID_OPTIONS`. */
  add<V>(definition: CacheDefinition<V>): Cache<V> {
    checkDefinition('add', definition);
    if (this.#started !== undefined || this.#closing !== undefined)
      throw invalidOption('add', 'to be called before start()', definition.name);
    const existing = this.#built.get(definition.name);
    if (existing !== undefined && existing.definition !== definition)
      throw invalidOption('cache name', 'a name that no other cache has', definition.name);
    if (existing !== undefined) return existing.cache as Cache<V>;
    this.#budget.reserve(definition);
    const built = buildCache({
      definition,
      region: this.#region,
      store: this.#guards.storeOf(definition),
      backgroundStore: this.#guards.storeOf({ ...definition, availability: 'best-effort', hedgeAfterMs: undefined }),
      follower: this.#follower,
      clock: this.#clock,
      logger: this.#logger,
      writeClock: this.#writeClock,
      metrics: this.#metrics,
      entropy: this.#entropy,
      maxStalenessMs: this.#maxStalenessMs,
      lane: this.#lane,
      isClosed: () => this.#closing !== undefined,
    });
    this.#built.set(definition.name, { definition, ...built });
    return built.cache as Cache<V>;
  }

  /** Every cache by its name. */
  get caches(): Readonly<Record<string, Cache<unknown>>> {
    return Object.fromEntries([...this.#built].map(([name, { cache }]) => [name, cache]));
  }

  /** The cache of a definition, with its type. Throws `INVALID_OPTIONS` for a definition that this Tidemark was not given. */
  cache<V>(definition: CacheDefinition<V>): Cache<V> {
    checkDefinition('cache', definition);
    const built = this.#built.get(definition.name);
    if (built?.definition !== definition)
      throw invalidOption('cache', 'a definition handed to createTidemark', definition.name);
    return built.cache as Cache<V>;
  }

  /**
   * Checks the tables, fixes positions in the change feed, and resolves when every partition is followed, or at `startDeadline`: a pod
   * never waits longer. Until it is live it reads through. Caches with a `warmUp` are then warmed, each until its own deadline at most. Throws only for what waiting cannot mend: `TABLE_MISSING`,
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
    // Without a prototype: a table may be called as one of its properties is.
    const tables = Object.create(null) as Record<string, TidemarkHealth['tables'][string]>;
    for (const table of this.#tables()) {
      const { target, live, watermark } = this.#follower.table(table);
      tables[table] = {
        topic: target ?? null,
        live,
        stalenessMs: watermark === 0 ? null : Math.max(0, now - watermark),
      };
    }
    const warming = [...this.#built].filter(([, { definition }]) => definition.warmUp !== undefined);
    const warmUp = Object.fromEntries(warming.map(([name, built]) => [name, built.warmUp.progress]));
    return { state: this.#state(), tables, warmUp };
  }

  /**
   * Refuses new calls, waits for writes and loads in hand (at most `drainDeadline`), ends the loads that are left with `ABORTED` and gives their
   * leases up, then lets go of the feed and the backend. Idempotent.
   */
  close(): Promise<void> {
    // It is closing before anything of it happens: listeners are told of the last flush, and may call what they like.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  #openGuards(limits: OverloadOptions | undefined, pod: string, fastLane = true): TableGuards {
    const { store, pods } = this.#parts;
    return new TableGuards({
      ...{ store, limits, pod, clock: this.#clock, entropy: this.#entropy, metrics: this.#metrics },
      ...{ logger: this.#logger, registry: fastLane ? pods : undefined },
    });
  }

  #openLane(): PublishingParts {
    const { publisher, pods } = this.#parts;
    const common = { publisher, clock: this.#clock };
    return {
      publisher,
      fastLane: new FastLane({ ...common, logger: this.#logger, metrics: this.#metrics }),
      visibility: new Visibility({ ...common, registry: pods }),
    };
  }

  #openReporter(pod: string): PodReporter {
    return new PodReporter({
      ...{ pod, service: this.#service, registry: this.#parts.pods },
      ...{ clock: this.#clock, logger: this.#logger, metrics: this.#metrics },
      tables: () => this.#follower.progress,
      onRegistered: () => this.#follower.onRegistered(),
    });
  }

  #tables(): string[] {
    return [...new Set([...this.#built.values()].map(({ definition }) => definition.table))];
  }

  #state(): TidemarkState {
    if (this.#closing !== undefined) return 'closed';
    if (!this.#follower.live) return 'starting';
    return this.#follower.state === 'live' ? 'live' : 'interrupted';
  }

  async #start(): Promise<void> {
    const endMs = this.#clock.monotonicMs() + this.#startDeadlineMs;
    await this.#checkTables();
    if (this.#closing !== undefined) return;
    this.#reporter?.start();
    this.#watchStaleness();
    this.#follower
      .open()
      .catch((error: unknown) => this.#logger.error({ error: messageOf(error) }, 'change feed could not be opened'));
    await this.#untilLive(endMs);
    if (this.#closing !== undefined) return;
    if (this.#follower.live) this.#logger.info({ service: this.#service }, 'live');
    else
      this.#logger.warn(
        this.health().tables,
        'start deadline passed before every table was followed; reading through until then',
      );
    await Promise.all([...this.#built.values()].map(({ warmUp }) => warmUp.start()));
  }

  #watchStaleness(): void {
    const bounded = [...this.#built.values()].map(({ cache }) => cache).filter((cache) => cache.isBounded);
    if (bounded.length === 0) return;
    this.#stopWatch = every(this.#clock, stalenessWatchMs, () => {
      for (const cache of bounded) cache.watchStaleness();
    });
  }

  async #checkTables(): Promise<void> {
    await Promise.all(
      this.#tables().map(async (table) => {
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
    this.#stopWatch();
    this.#follower.stop();
    const built = [...this.#built.values()];
    const cooled = Promise.all(built.map(({ warmUp }) => warmUp.close()));
    await this.#within(this.#drainDeadlineMs, Promise.all(built.map(({ idle }) => idle())));
    await this.#within(leaveTimeoutMs, Promise.all([cooled, ...built.map(({ close }) => close())]));
    this.#guards.close();
    this.#lane?.visibility.close();
    await this.#reporter?.stop(leaveTimeoutMs);
    try {
      await this.#follower.close();
    } finally {
      await this.#parts.close();
    }
  }

  /** Resolves when `work` has ended, or its time is up. */
  #within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.setTimer(resolve, timeoutMs);
      void work.finally(() => {
        cancel();
        resolve();
      });
    });
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
  oneOf('fastLane', options.fastLane ?? true, [true, false]);
  withMethods('logger', options.logger, ['debug', 'info', 'warn', 'error']);
  withMethods('metrics', options.metrics, ['counter', 'gauge', 'histogram', 'onCollect', 'collect']);
  withMethods('clock', options.clock, ['now', 'monotonicMs', 'setTimer']);
  withMethods('entropy', options.entropy, ['random', 'uuid', 'hex']);
  validateCaches(options.caches ?? []);
}

function validateCaches(caches: readonly CacheDefinition[]): void {
  if (!Array.isArray(caches)) throw invalidOption('caches', 'an array of definitions made by defineCache', caches);
  const names = new Set<string>();
  for (const [index, definition] of (caches as readonly CacheDefinition[]).entries()) {
    checkDefinition(`caches[${index}]`, definition);
    if (names.has(definition.name))
      throw invalidOption(`caches[${index}].name`, 'a name that no other cache has', definition.name);
    names.add(definition.name);
  }
}
