import { randomBytes } from 'node:crypto';
import { aws } from '@tidemark/aws';
import { createTidemark, defineCache, type Tidemark, trust } from '@tidemark/cache';
import { checkHistory, type History, HistoryRecorder } from '@tidemark/cache/testing';
import { RoutingTable } from '@tidemark/control';
import { createKafkaClient, type KafkaClient, KafkaProducer, KafkaTopicAdmin, RouteTopic } from '@tidemark/kafka';
import { type AppliedWrite, EmbeddedAws, seededRandom } from '@tidemark/local-stack';
import { attributes, encodeEvent, itemKeyOf, type TopicNames, topicNames, type WireRecord } from '@tidemark/protocol';
import { type Logger, MetricRegistry, systemClock } from '@tidemark/runtime';
import { eventually } from '@tidemark/runtime/testing';
import { type Service, startDispatcher, startSync } from '@tidemark/services';
import { type Admin } from 'kafkajs';
import { RoutingAdmin } from '../routing-admin.js';
import { testLogger } from '../test-logger.js';
import { callAtRandom, maxStalenessMs, type Pod, read, watchEvents } from './numbered-load.js';
import { type Outcome } from './outcome.js';
import { type WritesByKey, writesIn } from './table-topic.js';

const region = 'eu-west-1';
const table = 'things';
const leaseTable = 'leases';
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
const replicas = 3;
const startMs = 60_000;
/** After a cluster has healed, every role has found it again within this. */
const settleMs = 90_000;

export type Role = 'sync-1' | 'sync-2' | 'dispatcher-1' | 'dispatcher-2';
const roles: readonly Role[] = ['sync-1', 'sync-2', 'dispatcher-1', 'dispatcher-2'];

const things = defineCache({
  ...{ name: 'things', table, schema: trust<string>(), deletes: 'tombstone' },
  maxStaleness: `${maxStalenessMs}ms`,
});

export interface PipelineWorldOptions {
  readonly brokers: readonly string[];
  readonly seed: number;
}

/** One region in this process, on brokers that may fail: two pods, two sync workers, two dispatchers, and a load of numbered writes. */
export class PipelineWorld {
  readonly names: TopicNames;
  readonly #options: PipelineWorldOptions;
  readonly #client: KafkaClient;
  readonly #aws: EmbeddedAws;
  readonly #recorder = new HistoryRecorder(() => Date.now());
  readonly #services = new Map<Role, Service>();
  readonly #tidemarks: Tidemark[] = [];
  readonly #pods: Pod[] = [];
  /** Of every role that was ever started. */
  readonly #registries: MetricRegistry[] = [];
  /** Who has said that the routing topic has begun anew. */
  readonly #begunAnew = new Set<string>();
  readonly #keys = Array.from({ length: 60 }, (_, n) => `k${n}`);
  readonly #admins: RoutingAdmin[] = [];
  #watches: readonly (() => number)[] = [];
  #longestGapMs = 0;
  #flushesBefore: readonly number[] = [];
  /** What the table holds. */
  readonly #stored = new Map<string, string>();
  #admin: Promise<Admin> | undefined;

  constructor(options: PipelineWorldOptions) {
    this.#options = options;
    this.names = topicNames(`cl-${randomBytes(6).toString('hex')}`);
    this.#client = createKafkaClient({ brokers: options.brokers, clientId: 'cluster-test' });
    this.#aws = new EmbeddedAws({ regions: [region], seed: options.seed, onWrite: (write) => this.#applied(write) });
  }

  /** AWS, and the topics and the route of the table. */
  async prepare(): Promise<void> {
    await this.#aws.start();
    await this.#aws.createGlobalTable(table);
    await this.#aws.createTable(region, leaseTable, { hashKey: 'leaseKey' });
    await this.#addRoute();
  }

  /** Resolves when every role is ready and both pods are live. */
  async start(): Promise<void> {
    await Promise.all(roles.map((role) => this.startRole(role)));
    await Promise.all(['pod-1', 'pod-2'].map((id) => this.#startPod(id)));
    await this.#whenReady(startMs);
  }

  async startRole(role: Role): Promise<void> {
    const metrics = new MetricRegistry();
    this.#registries.push(metrics);
    const ports = { clock: systemClock, logger: this.#loggerOf(role), metrics };
    const kafka = { brokers: this.#options.brokers };
    const topicPrefix = this.names.prefix;
    const { dynamodbEndpoint, kinesisEndpoint, streamArn } = this.#aws.region(region);
    const service = role.startsWith('dispatcher')
      ? await startDispatcher({ region, kafka, topicPrefix }, ports)
      : await startSync(
          {
            ...{ region, kafka, topicPrefix, streamArn, leaseTable, dynamodbEndpoint, kinesisEndpoint, credentials },
            ...{ workerId: role, pollIntervalMs: 100, topicReplicationFactor: replicas },
          },
          ports,
        );
    this.#services.set(role, service);
  }

  /** Ends a role as kill -9 does. */
  async killRole(role: Role): Promise<void> {
    await this.#services.get(role)?.kill();
    this.#services.delete(role);
  }

  /** Writes and reads in both pods for as long as `during` takes. */
  async underLoad(during: () => Promise<void>): Promise<void> {
    const over = new AbortController();
    const random = seededRandom(this.#options.seed);
    const options = { recorder: this.#recorder, keys: this.#keys, random, signal: over.signal };
    const callers = [...this.#pods, ...this.#pods].map((pod) => callAtRandom(pod, options));
    try {
      await during();
    } finally {
      over.abort();
      this.#longestGapMs = Math.max(0, ...this.#watches.map((end) => end()));
      await Promise.all(callers);
    }
  }

  get written(): number {
    return this.#recorder.history().transitions.length;
  }

  /** What flushes and gaps are counted from: every pod has watermarks of all partitions, and no new owner of one flushes it any more. */
  async begin(): Promise<void> {
    const fromMs = Date.now();
    await eventually('every pod is up to date', () => this.#pods.every((pod) => isCaughtUp(pod, fromMs)), settleMs);
    this.#flushesBefore = this.#flushes();
    this.#watches = this.#pods.map((pod) => watchEvents(pod));
  }

  /** Resolves when as many more writes have been made. */
  async writes(count: number): Promise<void> {
    const until = this.written + count;
    await eventually(`${count} more writes`, () => this.written >= until, settleMs);
  }

  /** Waits until everything that was written has come to the pods, and tells what was lost or is wrong. Call it once, after the load. */
  async outcome({ isCut = false } = {}): Promise<Outcome> {
    const writtenAt = Date.now();
    await this.#whenReady(settleMs);
    await eventually('every pod has caught up', () => this.#pods.every((pod) => isCaughtUp(pod, writtenAt)), settleMs);
    const recorder = this.#recorder;
    recorder.quiet();
    const divergent: string[] = [];
    for (const pod of this.#pods) for (const key of this.#keys) divergent.push(...(await this.#look(pod, key)));
    const history = recorder.history();
    const { names } = this;
    const made = [...byKey(history.transitions)];
    const inTable = await writesIn(this.#client, names.cdc(table));
    const inCache = await writesIn(this.#client, names.cache(table));
    return {
      ...{ writes: history.writes.length, reads: history.reads.length, divergent },
      events: this.#pods.reduce((sum, { cache }) => sum + cache.stats().events, 0),
      lost: isCut ? [] : made.flatMap((of) => missing(of, inTable)),
      undispatched: made.flatMap((of) => missing(of, inCache)),
      disordered: [inTable, inCache].flatMap((seen) => made.flatMap((of) => disorder(of, seen))),
      violations: checkHistory(history, { skewMs: 50 }),
      flushes: this.flushes(),
      gaps: this.#registries.reduce((sum, metrics) => sum + valueOf(metrics, 'tidemark_dispatcher_gaps_total'), 0),
      longestGapMs: this.#longestGapMs,
    };
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#tidemarks.map((tidemark) => tidemark.close()));
    await Promise.allSettled([...this.#services.values()].map((service) => service.stop()));
    await Promise.allSettled(this.#admins.map((admin) => admin.close()));
    await (await this.#admin)?.disconnect();
    await this.#aws.stop();
  }

  /** Makes the table topic longer by events of nobody's keys, until the dispatchers have committed them. */
  async lengthen(count: number): Promise<void> {
    const producer = new KafkaProducer({ client: this.#client, names: this.names });
    try {
      await producer.publish(table, noise(count), { timeoutMs: settleMs });
    } finally {
      await producer.close();
    }
    const admin = await this.admin();
    const ends = await admin.fetchTopicOffsets(this.tableTopic);
    const areCommitted = async (): Promise<boolean> => {
      const groupId = this.names.dispatcherGroup;
      const [answer] = await admin.fetchOffsets({ groupId, topics: [this.tableTopic] });
      const committed = new Map(answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      return ends.every(({ partition, high }) => (committed.get(partition) ?? -1) >= Number(high));
    };
    await eventually('the dispatchers have committed it', areCommitted, settleMs);
  }

  /** Resolves once every role and every pod has said that the routing topic has begun anew. */
  async routesBegunAnew(): Promise<void> {
    const dispatchers = roles.filter((role) => role.startsWith('dispatcher'));
    const all = [...dispatchers, ...this.#pods.map(({ id }) => id)];
    await eventually('all have heard of it', () => all.every((id) => this.#begunAnew.has(id)), settleMs);
  }

  /** Of each pod: its flushes since `begin`. */
  flushes(): readonly number[] {
    return this.#flushes().map((count, pod) => count - (this.#flushesBefore[pod] ?? 0));
  }

  /** Of each pod: the topic that it follows. */
  followed(): readonly (string | null | undefined)[] {
    return this.#tidemarks.map((tidemark) => tidemark.health().tables[table]?.topic);
  }

  /** One that is elected. */
  async routingAdmin(): Promise<RoutingAdmin> {
    const kafka = { brokers: this.#options.brokers };
    const options = { kafka, names: this.names, replicationFactor: replicas, logger: testLogger, timeoutMs: startMs };
    const admin = new RoutingAdmin(options);
    this.#admins.push(admin);
    await admin.open();
    await eventually('an admin is elected', () => admin.table.state.type === 'writer', startMs);
    return admin;
  }

  get table(): string {
    return table;
  }

  get tableTopic(): string {
    return this.names.cdc(table);
  }

  admin(): Promise<Admin> {
    this.#admin ??= (async () => {
      const admin = this.#client.admin({ retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 8 } });
      await admin.connect();
      return admin;
    })();
    return this.#admin;
  }

  /** Resolves when every partition of the world's topics is on every broker. */
  async replicated(): Promise<void> {
    const topics = [this.names.cdc(table), this.names.cache(table), this.names.routes];
    await eventually(
      'every replica is in step',
      async () => {
        const admin = await this.admin();
        const found = await admin.fetchTopicMetadata({ topics }).catch(() => undefined);
        const partitions = found?.topics.flatMap((topic) => topic.partitions) ?? [];
        return partitions.length > 0 && partitions.every(({ isr, leader }) => leader >= 0 && isr.length === replicas);
      },
      settleMs,
    );
  }

  #applied({ table: of, keys, newItem, isReplicated }: AppliedWrite): (() => void) | undefined {
    const itemKey = keys[attributes.key]?.['S'];
    if (of !== table || typeof itemKey !== 'string') return undefined;
    const key = itemKey.slice(things.name.length + 1);
    const value = String(JSON.parse(String(newItem?.[attributes.value]?.['S'])));
    this.#stored.set(key, value);
    const version = String(newItem?.[attributes.writeId]?.['S']);
    const { accepted } = this.#recorder.transition({ region, key, value, version, replicated: isReplicated });
    return accepted;
  }

  /** What a pod holds and then serves of a key, against what is stored. */
  async #look(pod: Pod, key: string): Promise<readonly string[]> {
    const held = pod.cache.getIfPresent(key);
    const isAbsent = pod.cache.inspect(key).state === 'absent';
    this.#recorder.rest(pod.id, key, held === undefined && !isAbsent ? undefined : { value: held ?? null });
    const served = await read(pod, key, { recorder: this.#recorder });
    const right = this.#stored.get(key) ?? null;
    return served === right ? [] : [`${key}: stored ${right}, ${pod.id} serves ${String(served)}`];
  }

  #loggerOf(id: string): Logger {
    const noticing =
      (level: 'warn' | 'error'): Logger['warn'] =>
      (fields, message) => {
        if (message.includes('routing topic has begun anew')) this.#begunAnew.add(id);
        testLogger[level](fields, message);
      };
    return { ...testLogger, warn: noticing('warn'), error: noticing('error') };
  }

  #flushes(): readonly number[] {
    return this.#pods.map(({ cache }) => cache.stats().flushes);
  }

  async #addRoute(): Promise<void> {
    const { names } = this;
    const client = this.#client;
    const create = { replicationFactor: replicas };
    const routing = new RoutingTable({
      ...{ log: new RouteTopic({ client, names, create }), topics: new KafkaTopicAdmin({ client, ...create }), names },
      timeoutMs: startMs,
    });
    try {
      await routing.open();
      await routing.put(table, [names.cache(table)], { ifMatch: 'none', actor: 'test' });
    } finally {
      await routing.close();
    }
  }

  async #startPod(id: string): Promise<void> {
    const backend = aws({
      ...{ region, kafka: { brokers: this.#options.brokers }, topicPrefix: this.names.prefix },
      dynamodb: this.#aws.dynamodbConfig(region),
    });
    const tidemark = createTidemark({
      service: 'cluster',
      backend,
      caches: [things],
      startDeadline: '60s',
      logger: this.#loggerOf(id),
    });
    this.#tidemarks.push(tidemark);
    await tidemark.start();
    this.#recorder.started(id, region);
    this.#pods.push({ id, cache: tidemark.cache(things) });
  }

  #whenReady(timeoutMs: number): Promise<void> {
    const areReady = (): boolean => [...this.#services.values()].every((service) => service.ready().ready);
    const areLive = (): boolean => this.#tidemarks.every((tidemark) => tidemark.health().state === 'live');
    return eventually('every role is ready', () => areReady() && areLive(), timeoutMs);
  }
}

function noise(count: number): WireRecord[] {
  return Array.from({ length: count }, (_, n) =>
    encodeEvent({
      ...{ table, key: `noise:${n}`, kind: 'insert', from: null, to: 'a', stampUs: 1, expiresAt: null, codec: 'json' },
      ...{ lane: 'cdc', region, position: `shardId-0:${n}`, value: Buffer.from('1') },
    }),
  );
}

/** Whether a pod has everything that was written before. */
function isCaughtUp({ cache }: Pod, beforeMs: number): boolean {
  return Date.now() - cache.staleness() >= beforeMs;
}

/** Of each item key: the write ids that were applied, in their order. */
function byKey(transitions: History['transitions']): ReadonlyMap<string, readonly string[]> {
  const made = new Map<string, string[]>();
  for (const { key, version } of transitions) {
    const itemKey = itemKeyOf(things.name, key);
    if (typeof version === 'string') made.set(itemKey, [...(made.get(itemKey) ?? []), version]);
  }
  return made;
}

function missing([itemKey, versions]: readonly [string, readonly string[]], seen: WritesByKey): readonly string[] {
  return versions.filter((version) => seen.get(itemKey)?.has(version) !== true).map((id) => `${itemKey} by ${id}`);
}

function disorder([itemKey, versions]: readonly [string, readonly string[]], seen: WritesByKey): readonly string[] {
  const came = [...(seen.get(itemKey) ?? [])];
  const expected = versions.filter((version) => came.includes(version));
  return came.join() === expected.join() ? [] : [`${itemKey}: ${came.join(' ')}, made ${expected.join(' ')}`];
}

function valueOf(metrics: MetricRegistry, name: string): number {
  const [series] =
    metrics
      .collect()
      .find((family) => family.name === name)
      ?.series.values() ?? [];
  return series !== undefined && 'value' in series ? series.value : 0;
}
