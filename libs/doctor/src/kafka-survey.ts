import {
  checkTopics,
  type KafkaClient,
  KafkaProducer,
  RouteTopic,
  type TopicReport,
  type TopicSettings,
  withAdmin,
} from '@tidemark/kafka';
import { isLive, tableOfCdcTopic, targetsOf, type TopicNames } from '@tidemark/protocol';
import { type Clock, TidemarkError } from '@tidemark/runtime';
import { type GroupFacts, type PartitionProgress } from './checks/groups.js';
import { type RouteFacts } from './checks/routes.js';
import { anyTable, type TopicPermissionFacts } from './checks/topic-permissions.js';
import { type RegionTopics } from './role-needs.js';
import { RoutesRead } from './routes-read.js';

export interface KafkaSurveyOptions {
  readonly client: KafkaClient;
  readonly names: TopicNames;
  readonly settings: TopicSettings;
  readonly clock: Clock;
  /** Ends everything that is asked. */
  readonly signal: AbortSignal;
  /** Bound on one question, ms. */
  readonly timeoutMs: number;
}

/** What the brokers say of a region. Checks that need the same answer share one question. */
export class KafkaSurvey {
  readonly #options: KafkaSurveyOptions;
  #named: Promise<TopicReport> | undefined;
  #routes: Promise<RouteFacts> | undefined;
  #topics: Promise<TopicReport> | undefined;

  constructor(options: KafkaSurveyOptions) {
    this.#options = options;
  }

  /** The routing table, read to its end; empty where there is no routing topic. */
  routes(): Promise<RouteFacts> {
    return (this.#routes ??= this.#readRoutes());
  }

  /** Topics that Tidemark names, and those that routes name. */
  topics(): Promise<TopicReport> {
    return (this.#topics ??= this.#readTopics());
  }

  /** Tables that have a table topic or a live route, sorted. */
  async tables(): Promise<readonly string[]> {
    const { tables } = await this.#regionTopics();
    return tables;
  }

  async topicPermissions(): Promise<TopicPermissionFacts> {
    return { ...(await this.#regionTopics()), report: await this.topics() };
  }

  async group(): Promise<GroupFacts> {
    const { names } = this.#options;
    const [{ topics }, { routes }] = await Promise.all([this.#namedTopics(), this.routes()]);
    const exists = new Set(topics.map(({ topic }) => topic));
    const routed = routes.filter(isLive).map(({ table }) => names.cdc(table));
    const groupId = names.dispatcherGroup;
    return this.#admin(async (admin) => {
      const { groups } = await admin.describeGroups([groupId]).catch((error) => notFound(error, groupId));
      const progress: PartitionProgress[] = [];
      for (const topic of routed.filter((each) => exists.has(each))) {
        const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
        for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
          const offset = committed?.partitions.find((each) => each.partition === partition)?.offset ?? '-1';
          const known = BigInt(offset) < 0n ? null : BigInt(offset);
          progress.push({ topic, partition, committed: known, low: BigInt(low), high: BigInt(high) });
        }
      }
      const [group] = groups;
      return { groupId, state: group?.state ?? 'Dead', members: group?.members.length ?? 0, progress };
    });
  }

  /** How far the brokers' clock is ahead, as far as the newest report of a pod tells: one that is not of the last seconds tells nothing. */
  async brokerAheadMs(): Promise<number | undefined> {
    const { clock, names } = this.#options;
    const { topics } = await this.#namedTopics();
    if (!topics.some(({ topic }) => topic === names.pods)) return undefined;
    return this.#admin(async (admin) => {
      const [end] = await admin.fetchTopicOffsets(names.pods);
      const isThere = async (sinceMs: number): Promise<boolean> => {
        const [at] = await admin.fetchTopicOffsetsByTimestamp(names.pods, Math.floor(sinceMs));
        return at !== undefined && end !== undefined && BigInt(at.offset) < BigInt(end.high);
      };
      const now = clock.now();
      if (!(await isThere(now - reportedWithinMs))) return undefined;
      if (!(await isThere(now + toleranceMs))) return 0;
      // Ahead: by how much is told to a second, or as an hour where it is more.
      let [low, high] = [toleranceMs, hourMs];
      while (high - low > 1_000) {
        const middle = (low + high) / 2;
        if (await isThere(now + middle)) low = middle;
        else high = middle;
      }
      return low;
    });
  }

  /** Appends a dead letter that says what it is; those who read them see it, and nothing else does. */
  async writeProbe(signal: AbortSignal): Promise<void> {
    const { client, names, clock } = this.#options;
    const producer = new KafkaProducer({ client, names, clock });
    const value = { v: '1.0', at: new Date(clock.now()).toISOString(), reason: 'a probe of tidemark doctor' };
    const record = { key: 'tidemark-doctor', value: Buffer.from(JSON.stringify(value)), header: null };
    try {
      await producer.send(names.deadLetters, [{ partition: 0, record }], signal);
    } finally {
      await producer.close();
    }
  }

  #namedTopics(): Promise<TopicReport> {
    return (this.#named ??= this.#check([]));
  }

  async #readTopics(): Promise<TopicReport> {
    const { routed, targets } = await this.#regionTopics();
    return targets.length === 0 ? this.#namedTopics() : this.#check(targets, routed);
  }

  /** `targets` and `routed`: where routes go, and the tables that they are of. */
  #check(targets: readonly string[], routed: readonly string[] = []): Promise<TopicReport> {
    const { client, names, settings, clock, timeoutMs, signal } = this.#options;
    const others = new Map(targets.map((topic) => [topic, 'cache' as const]));
    const prefixed = [names.routes, names.routeHistory, names.pods, names.deadLetters];
    const tables = [...routed, anyTable].map((table) => names.cdc(table));
    const expected = [...new Set([...prefixed, ...tables, ...targets])];
    return checkTopics(
      { client, names, settings, others, expected, asksForOperations: true, clock, timeoutMs },
      signal,
    );
  }

  async #regionTopics(): Promise<RegionTopics> {
    const [{ topics }, { routes }] = await Promise.all([this.#namedTopics(), this.routes()]);
    const live = routes.filter(isLive);
    const routed = live.map(({ table }) => table).sort();
    const fed = topics.flatMap(({ topic }) => tableOfCdcTopic(this.#options.names, topic) ?? []);
    const tables = [...new Set([...fed, ...routed])].sort();
    return { tables, routed, targets: live.flatMap((route) => targetsOf(route).map(({ topic }) => topic)) };
  }

  async #readRoutes(): Promise<RouteFacts> {
    const { client, names, clock, signal } = this.#options;
    const { topics, hidden } = await this.#namedTopics();
    const isHidden = hidden.includes(names.routes);
    if (!topics.some(({ topic }) => topic === names.routes)) return { routes: [], unreadable: [], isHidden };
    const read = new RoutesRead();
    const unreadable: string[] = [];
    const log = new RouteTopic({ client, names, clock });
    const close = (): void => void log.close().catch(() => undefined);
    signal.addEventListener('abort', close, { once: true });
    try {
      await log.open({
        onRoute: (route) => read.apply(route),
        onUnreadable: (reason) => void unreadable.push(reason),
      });
      return { routes: read.all(), unreadable, isHidden };
    } finally {
      signal.removeEventListener('abort', close);
      close();
    }
  }

  #admin<T>(work: Parameters<typeof withAdmin<T>>[1]): Promise<T> {
    const { client, clock, timeoutMs, signal } = this.#options;
    return withAdmin({ client, clock, timeoutMs, signal }, work);
  }
}

/** Brokers say of a group that may not be looked at that it has no coordinator. */
function notFound(error: unknown, groupId: string): never {
  if (!(error instanceof Error) || !/find group coordinator/.test(error.message)) throw error;
  const text = `the coordinator of ${groupId} is not found: it is away, or this principal may not Describe that group`;
  throw new TidemarkError('FEED_UNAVAILABLE', text, { retriable: true, cause: error, context: { groupId } });
}

/** A pod reports each 2 s: within this, one that lives has, ms. */
const reportedWithinMs = 6_000;
const toleranceMs = 2_000;
const hourMs = 3_600_000;
