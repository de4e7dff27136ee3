import { Coherence, newCacheStats, newL1, TableFollower } from '@tidemark/cache/internals';
import { MoveController, type PodProgress, RoutingTable } from '@tidemark/control';
import {
  FakeRouteLog,
  FakeRoutingTopic,
  FakeTopicAdmin,
  type KillableCall,
  Life,
  mortal,
} from '@tidemark/control/testing';
import { Dispatcher } from '@tidemark/pipeline';
import {
  FakeEventSource,
  FakeRoutes,
  FakeRouteStore,
  FakeTableTopics,
  FlakyEventSink,
} from '@tidemark/pipeline/testing';
import {
  decodeRecord,
  encodeControl,
  encodeEvent,
  parseItemKey,
  partitionOf,
  type Route,
  topicNames,
} from '@tidemark/protocol';
import { silentLogger } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';

export const table = 'things';
export const [topicA, topicB] = ['tidemark.cache.a', 'tidemark.cache.b'] as const;
const names = topicNames();
const partitions = 2;
const keys = ['k1', 'k2', 'k3'] as const;

/** Whose calls are counted, and one of which may be its last. */
export type Victim = 'admin' | 'dispatcher';

/**
 * One table, from its change log to a pod: the shipped routing table, controller, dispatcher and follower over fakes that remember what a
 * process leaves behind when it dies. Who dies is replaced before the next step, as an orchestrator would.
 */
export class RouteWorld {
  readonly clock = new ManualClock();
  readonly #victim: Victim;
  readonly #life: Life;
  readonly #topic = new FakeRoutingTopic();
  readonly #routes = new FakeRoutes();
  readonly #tables = new FakeTableTopics(() => this.clock.now());
  readonly #sink = new FlakyEventSink({ autoCreate: 0 });
  readonly #pod: Pod;
  /** Key → its last state. */
  readonly #truth = new Map<string, number>();
  /** Records of the routing topic that its readers' copy has. */
  #copied = 0;
  #admin: { readonly table: RoutingTable; readonly moves: MoveController; readonly life: Life } | undefined;
  #dispatcher: { readonly dispatcher: Dispatcher; readonly life: Life } | undefined;

  constructor(victim: Victim, death?: KillableCall) {
    this.#victim = victim;
    this.#life = new Life(death);
    this.#tables.createTopic(names.cdc(table), partitions);
    for (const topic of [names.cdc(table), topicA, topicB]) this.#sink.createTopic(topic, partitions);
    this.#topic.follow(() => {
      const news = this.#topic.routes.slice(this.#copied);
      this.#copied = this.#topic.routes.length;
      for (const route of news) this.#routes.write(route);
    });
    this.#pod = new Pod(this.#sink, this.#routes);
  }

  /** Calls of the victim so far. */
  get calls(): number {
    return this.#life.calls;
  }

  get died(): boolean {
    return this.#life.dead;
  }

  get route(): Route | undefined {
    return this.#topic.routes.at(-1);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Lets an operator ask for something, of the next admin where one dies over it. */
  async ask(
    isDone: (route: Route | undefined) => boolean,
    what: (table: RoutingTable) => Promise<unknown>,
  ): Promise<void> {
    for (let attempt = 0; attempt < 3 && !isDone(this.route); attempt += 1) {
      await this.#living();
      await (this.#admin === undefined ? undefined : what(this.#admin.table))?.catch(() => undefined);
      await quiet();
    }
    if (!isDone(this.route)) throw new Error('nobody does what is asked for');
    await this.#living();
  }

  /** Every key changes once, and a watermark follows. */
  async write(): Promise<void> {
    for (const key of keys) {
      const state = (this.#truth.get(key) ?? 0) + 1;
      this.#truth.set(key, state);
      this.#append(key, state);
    }
    const mark = encodeControl({ control: 'watermark', table, at: this.clock.now(), streamId: 's', since: null });
    for (let partition = 0; partition < partitions; partition += 1)
      this.#tables.append(names.cdc(table), partition, mark);
    await quiet();
  }

  /** Time goes by in seconds: timers run, the dead are replaced, the pod reads. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await this.clock.advance(1_000);
      await quiet();
      await this.#living();
      this.#pod.read();
    }
  }

  /** The pod is asked for every key. */
  fill(): void {
    for (const key of keys) this.#pod.fill(key, this.#truth.get(key) ?? 0);
  }

  /** Keys of which the pod holds something else than the truth. */
  get divergent(): readonly string[] {
    return keys.filter((key) => {
      const held = this.#pod.held(key);
      return held !== undefined && held !== (this.#truth.get(key) ?? 0);
    });
  }

  /** Keys of which the pod holds the truth. */
  get right(): readonly string[] {
    return keys.filter((key) => this.#pod.held(key) === this.#truth.get(key));
  }

  /** The states of each key in `topic`, whatever was sent again included. */
  states(topic: string): readonly (readonly number[])[] {
    const events = this.#pod.events(topic);
    return keys.map((key) => events.filter((event) => event.key === key).map(({ state }) => state));
  }

  get keys(): readonly string[] {
    return keys;
  }

  /** The states of each key in `topic` above `since`, those that were sent again left out, as far as they ascend. */
  ascending(topic: string, since: number): readonly (readonly number[])[] {
    return this.states(topic).map((states) => {
      let highest = since;
      return states.filter((state) => {
        if (state !== highest + 1) return false;
        highest = state;
        return true;
      });
    });
  }

  /** The routing topic is made anew, empty. */
  loseRoutes(): void {
    this.#copied = 0;
    this.#topic.reset();
    this.#routes.reset();
    this.#pod.restartRoutes();
  }

  /** The admin ends, and another one starts on what the routing topic holds. */
  async replaceAdmin(): Promise<void> {
    await this.#admin?.moves.close();
    await this.#admin?.table.close();
    await this.#startAdmin();
  }

  async end(): Promise<void> {
    await this.#admin?.moves.close();
    await this.#admin?.table.close();
    await this.#dispatcher?.dispatcher.kill();
  }

  /** Whoever is dead is replaced. */
  async #living(): Promise<void> {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      if (this.#admin === undefined || this.#admin.life.dead) await this.#startAdmin().catch(() => undefined);
      if (this.#dispatcher === undefined || this.#dispatcher.life.dead) await this.#startDispatcher();
      await quiet();
    }
  }

  /** The first one of the victim's kind lives the life that is counted. */
  #lifeOf(victim: Victim, isFirst: boolean): Life {
    return victim === this.#victim && isFirst ? this.#life : new Life();
  }

  async #startAdmin(): Promise<void> {
    const life = this.#lifeOf('admin', this.#admin === undefined);
    const [log, topics] = [
      new FakeRouteLog(this.#topic),
      new FakeTopicAdmin({ [names.cdc(table)]: partitions, [topicA]: partitions, [topicB]: partitions }),
    ];
    const ports = { log: mortal(log, life), topics: mortal(topics, life), clock: this.clock, logger: silentLogger };
    const routing = new RoutingTable({ ...ports, names });
    const pods: PodProgress = { read: async () => [this.#pod.report] };
    const moves = new MoveController({
      table: routing,
      pods: mortal(pods, life),
      clock: this.clock,
      logger: silentLogger,
    });
    life.onDeath = () => {
      void moves.close();
      void log.close();
    };
    this.#admin = { table: routing, moves, life };
    await routing.open();
    moves.start();
  }

  async #startDispatcher(): Promise<void> {
    const life = this.#lifeOf('dispatcher', this.#dispatcher === undefined);
    const source = new FakeEventSource(this.#tables, { batchRecordsMax: 2 });
    // A question that never comes to an answer is a no.
    source.confirms = () => life.call(async () => true).catch(() => false);
    const store = new FakeRouteStore(this.#routes);
    const dispatcher = new Dispatcher({
      source: mortal(source, life, ['stop', 'release', 'confirm']),
      sink: mortal(this.#sink, life),
      routes: mortal(store, life),
      ...{ names, clock: this.clock, logger: silentLogger, random: () => 0.5 },
    });
    // What it had in hand is never committed, and it hears of nothing any more.
    life.onDeath = () => {
      source.losesCommits = true;
      void dispatcher.kill();
    };
    this.#dispatcher = { dispatcher, life };
    await dispatcher.start().catch(() => undefined);
  }

  #append(key: string, state: number): void {
    const itemKey = `${table}:${key}`;
    const event = encodeEvent({
      ...{
        table,
        key: itemKey,
        kind: 'modify',
        from: idOf(state - 1),
        to: idOf(state),
        stampUs: null,
        expiresAt: null,
      },
      ...{ codec: null, lane: 'cdc', region: 'here', position: null, value: Buffer.from(String(state)) },
    });
    this.#tables.append(names.cdc(table), partitionOf(itemKey, partitions), event);
  }
}

/** A pod that follows the table with the shipped classes, and reads its topics from where it began to listen. */
export class Pod {
  readonly follower = new TableFollower(table, () => undefined, 'service');
  readonly #sink: FlakyEventSink;
  readonly #routes: FakeRoutes;
  readonly #coherence: Coherence;
  readonly #offsets = new Map<string, number[]>();
  #routesRead = 0;

  constructor(sink: FlakyEventSink, routes: FakeRoutes) {
    this.#sink = sink;
    this.#routes = routes;
    this.#coherence = new Coherence({
      l1: newL1({ eviction: 'lru', maxEntries: 100, maxBytes: 1_000_000 }),
      stats: newCacheStats(),
      mode: 'update',
      partitionOf: (key) => this.follower.placeOf(`${table}:${key}`),
      hold: ({ value }) => ({ value: Number(Buffer.from(value ?? []).toString()), bytes: 1 }),
      sameValue: (a, b) => a === b,
    });
    this.follower.addCache(table, this.#coherence);
  }

  get report() {
    return { pod: 'p', service: 'service', tables: { [table]: this.follower.progress }, leaving: false };
  }

  /** The routing topic was made anew. */
  restartRoutes(): void {
    this.#routesRead = 0;
    this.follower.restartRoutes();
  }

  read(): void {
    for (const route of this.#routes.records.slice(this.#routesRead)) this.follower.applyRoute(route);
    this.#routesRead = this.#routes.records.length;
    const wanted = this.follower.topics;
    for (const topic of this.#offsets.keys()) if (!wanted.has(topic)) this.#offsets.delete(topic);
    for (const topic of wanted) this.#listen(topic);
    for (const topic of wanted) this.#take(topic);
  }

  fill(key: string, state: number): void {
    const fence = this.#coherence.beginFill(key);
    const image = { value: state, writeId: idOf(state), expiresAt: 0, readAt: 1, bytes: 1 };
    this.#coherence.completeFill(fence, image);
  }

  held(key: string): unknown {
    return this.#coherence.peek(key)?.value;
  }

  events(topic: string): readonly { readonly key: string; readonly state: number }[] {
    return Array.from({ length: partitions }, (_, partition) => this.#sink.log(topic, partition)).flatMap((log) =>
      log.flatMap((record) => {
        const decoded = decodeRecord(record);
        if (decoded.type !== 'event') return [];
        return [{ key: parseItemKey(decoded.event.key)?.key ?? '', state: Number(decoded.event.to?.slice(1)) }];
      }),
    );
  }

  /** The position of a new topic is its end. */
  #listen(topic: string): void {
    if (this.#offsets.has(topic)) return;
    this.follower.setPartitionCount(partitions);
    this.#offsets.set(
      topic,
      Array.from({ length: partitions }, (_, at) => this.#sink.log(topic, at).length),
    );
  }

  #take(topic: string): void {
    const offsets = this.#offsets.get(topic) ?? [];
    for (const [partition, offset] of offsets.entries()) {
      const log = this.#sink.log(topic, partition);
      offsets[partition] = log.length;
      for (const record of log.slice(offset)) {
        const decoded = decodeRecord(record);
        if (decoded.type === 'event') this.follower.applyEvent(topic, partition, decoded.event);
        if (decoded.type === 'control' && decoded.record.control === 'watermark')
          this.follower.applyWatermark(topic, partition, decoded.record.at, decoded.record.since ?? 0);
      }
    }
  }
}

function idOf(state: number): string | null {
  return state === 0 ? null : `w${state}`;
}

async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await settle();
}
