import {
  checkTopics,
  type KafkaClient,
  KafkaProducer,
  RouteTopic,
  type TopicReport,
  type TopicSettings,
  withAdmin,
} from '@tidemark/kafka';
import { isLive, type Route, tableOfCdcTopic, targetsOf, type TopicNames } from '@tidemark/protocol';
import { type Clock, isTidemarkError, TidemarkError, withDeadline } from '@tidemark/runtime';
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
  /** Bound on one question, ms. A broker that has not answered in less makes way for the next one. */
  readonly timeoutMs: number;
  /** Whether the routing table is read. */
  readonly readsRoutes: boolean;
}

/**
 * What the brokers say of a region. Checks that need the same answer share one question. A routing table that cannot be read is the affair of its own
 * check: the others go on without it.
 */
export class KafkaSurvey {
  readonly #options: KafkaSurveyOptions;
  #named: Promise<TopicReport> | undefined;
  #routes: Promise<RouteFacts> | undefined;
  #topics: Promise<TopicReport> | undefined;

  constructor(options: KafkaSurveyOptions) {
    this.#options = options;
  }

  /** The routing table, read to its end; empty where there is no routing topic, or it is not to be read. Fails where it cannot be, and says why. */
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
    const groupId = this.#options.names.dispatcherGroup;
    const group = await this.#admin(async (admin) => {
      const { groups } = await admin.describeGroups([groupId]).catch((error) => notFound(error, groupId));
      return groups[0];
    });
    return { groupId, state: group?.state ?? 'Dead', members: group?.members.length ?? 0 };
  }

  /** How far the group is in what it reads. */
  async progress(): Promise<readonly PartitionProgress[]> {
    const groupId = this.#options.names.dispatcherGroup;
    const topics = await this.#dispatched();
    return this.#admin((admin) => progressOf(admin, groupId, topics));
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
    const { client, names, clock, timeoutMs } = this.#options;
    const producer = new KafkaProducer({ client, names, clock, publishTimeoutMs: timeoutMs });
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
    const prefixed = [names.routes, names.routeHistory, names.pods, names.deadLetters, names.cache(anyTable)];
    const tables = [...routed, anyTable].map((table) => names.cdc(table));
    const expected = [...new Set([...prefixed, ...tables, ...targets])];
    const asked = { client, names, settings, others, expected, asksForOperations: true, clock, timeoutMs };
    return onceMore(() => checkTopics(asked, signal));
  }

  async #regionTopics(): Promise<RegionTopics> {
    const { names } = this.#options;
    const { topics } = await this.#namedTopics();
    const { routes } = await this.routes().catch(() => unread);
    const live = routes.filter(isLive);
    const routed = live.map(({ table }) => table).sort();
    const fed = topics.flatMap(({ topic }) => tableOfCdcTopic(names, topic) ?? []);
    const tables = [...new Set([...fed, ...routed])].sort();
    return { tables, routed, targets: live.flatMap((route) => targetsOf(route).map(({ topic }) => topic)) };
  }

  /** Topics that dispatchers read: those of routed tables, or of every table where routes cannot be read. */
  async #dispatched(): Promise<readonly string[]> {
    const { names } = this.#options;
    const { topics } = await this.#namedTopics();
    const { routed, tables } = await this.#regionTopics();
    const isRead = await this.routes().then(
      ({ refused }) => refused === undefined,
      () => false,
    );
    const exists = new Set(topics.map(({ topic }) => topic));
    return (isRead ? routed : tables).map((table) => names.cdc(table)).filter((topic) => exists.has(topic));
  }

  async #readRoutes(): Promise<RouteFacts> {
    const { names, readsRoutes } = this.#options;
    if (!readsRoutes) return unread;
    const { topics, hidden } = await this.#namedTopics();
    const found = topics.find(({ topic }) => topic === names.routes);
    if (found === undefined) return hidden.includes(names.routes) ? { ...unread, refused: 'Describe' } : unread;
    // A reader asks again for ever for what it may not read.
    if (found.operations?.includes('Read') === false) return { ...unread, refused: 'Read' };
    return this.#readToEnd();
  }

  async #readToEnd(): Promise<RouteFacts> {
    const { client, names, clock, signal, timeoutMs } = this.#options;
    const read = new RoutesRead();
    const unreadable: string[] = [];
    const log = new RouteTopic({ client, names, clock });
    const handler = {
      onRoute: (route: Route) => read.apply(route),
      onUnreadable: (reason: string) => void unreadable.push(reason),
    };
    const what = `reading ${names.routes} to its end`;
    try {
      await withDeadline({ clock, timeoutMs, what, signal }, () => log.open(handler));
      return { routes: read.all(), unreadable };
    } catch (error) {
      throw becauseOf(error, what, log.problem);
    } finally {
      log.close().catch(() => undefined);
    }
  }

  #admin<T>(work: Parameters<typeof withAdmin<T>>[1]): Promise<T> {
    const { client, clock, timeoutMs, signal } = this.#options;
    return onceMore(() => withAdmin({ client, clock, timeoutMs, signal }, work));
  }
}

type Admin = Parameters<Parameters<typeof withAdmin>[1]>[0];

const unread: RouteFacts = { routes: [], unreadable: [] };

/** Each question begins at another of the brokers that were named: where the first says nothing, the next one is asked. */
async function onceMore<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (isTidemarkError(error) && !error.retriable) throw error;
    return ask();
  }
}

async function progressOf(admin: Admin, groupId: string, topics: readonly string[]): Promise<PartitionProgress[]> {
  const progress: PartitionProgress[] = [];
  for (const topic of topics) {
    const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      const offset = committed?.partitions.find((each) => each.partition === partition)?.offset ?? '-1';
      const known = BigInt(offset) < 0n ? null : BigInt(offset);
      progress.push({ topic, partition, committed: known, low: BigInt(low), high: BigInt(high) });
    }
  }
  return progress;
}

/** `problem`: what the reader knew of it when it was given up. */
function becauseOf(error: unknown, what: string, problem: string | undefined): unknown {
  if (problem === undefined || !isTidemarkError(error, 'TIMEOUT')) return error;
  const isDenied = /not authorized|no permission/i.test(problem);
  const code = isDenied ? 'ACCESS_DENIED' : 'FEED_UNAVAILABLE';
  return new TidemarkError(code, `${what} failed: ${problem}`, { retriable: !isDenied, cause: error });
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
