import { type WriterElection } from '@tidemark/control';
import { type EventSourceHandler, type TopicPartition } from '@tidemark/pipeline';
import { type TopicNames } from '@tidemark/protocol';
import {
  backoffMs,
  type Clock,
  every,
  type Logger,
  messageOf,
  MetricRegistry,
  silentLogger,
  systemClock,
  wait,
} from '@tidemark/runtime';
import { AssignerProtocol, type GroupDescription } from 'kafkajs';
import { withAdmin } from './admin-call.js';
import { GroupConsumer, type GroupConsumerOptions } from './group-consumer.js';
import { type KafkaClient } from './kafka-client.js';

export interface KafkaWriterElectionOptions {
  /** Its client id is the name under which others are told of this process. */
  readonly client: KafkaClient;
  readonly names: TopicNames;
  /** A writer that has sent no heartbeat for this long is replaced, ms. Default 6,000, the least that brokers allow by default. */
  readonly sessionTimeoutMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
  /** Default: a `GroupConsumer`. */
  readonly member?: (options: GroupConsumerOptions) => GroupMember;
}

/** What an election needs of a group's member. */
export type GroupMember = Pick<GroupConsumer, 'start' | 'subscribe' | 'stop' | 'settled' | 'problem'>;

/** Between two looks at whether the brokers still answer, ms. */
const lookMs = 250;
/** Times that the group is asked who has been elected. */
const askAttempts = 8;

/**
 * Elects the writer of the routing table: whoever is given partition 0 of the routing topic in the group of admins, and still has it.
 *
 * Nothing is consumed and nothing committed: the first batch is held. A writer that hears nothing from the brokers counts as not elected before the
 * brokers give its place away. That still is no lock, since a process may stand still between its look and its write, so the epoch of each record fences it.
 */
export class KafkaWriterElection implements WriterElection {
  readonly #options: KafkaWriterElectionOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #member: GroupMember;
  readonly #closing = new AbortController();
  #owns = false;
  #decided = false;
  #leader: string | undefined;
  /** What was last told. */
  #told = false;
  #onChange: () => void = () => undefined;
  #stopLooking: () => void = () => undefined;
  /** Ends asking for the leader of an assignment that is over. */
  #asking = new AbortController();

  constructor(options: KafkaWriterElectionOptions) {
    const { client, names, sessionTimeoutMs = 6_000, clock = systemClock, logger = silentLogger } = options;
    const { random = Math.random, metrics = new MetricRegistry() } = options;
    const { member = (group: GroupConsumerOptions): GroupMember => new GroupConsumer(group) } = options;
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    // Metrics of its own: a partition that is held here is no table that waits.
    this.#member = member({ client, groupId: names.adminGroup, sessionTimeoutMs, clock, logger, random });
    const elected = metrics.gauge(
      'tidemark_routing_elected',
      '1 while this process is elected to write the routing table.',
    );
    metrics.onCollect(() => (elected.value = this.elected ? 1 : 0));
  }

  get elected(): boolean {
    return this.#owns && !this.#closing.signal.aborted && this.#member.settled;
  }

  get decided(): boolean {
    return this.#decided;
  }

  get problem(): string | undefined {
    return this.#member.problem;
  }

  get leader(): string | undefined {
    return this.elected ? undefined : this.#leader;
  }

  start(onChange: () => void): void {
    this.#onChange = onChange;
    this.#stopLooking = every(this.#clock, lookMs, () => this.#look());
    void this.#join();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#asking.abort();
    this.#stopLooking();
    await this.#member.stop();
  }

  /** The member itself tries until it is closed. */
  async #join(): Promise<void> {
    const handler: EventSourceHandler = {
      onAssigned: async (partitions) => this.#onAssigned(partitions),
      onBatch: async () => 'hold',
    };
    try {
      await this.#member.subscribe([this.#options.names.routes]);
      await this.#member.start(handler);
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#logger.error({ error: messageOf(error) }, 'kafka: no election');
    }
  }

  #onAssigned(partitions: readonly TopicPartition[]): void {
    const { routes } = this.#options.names;
    this.#asking.abort();
    this.#owns = partitions.some(({ topic, partition }) => topic === routes && partition === 0);
    this.#decided = true;
    this.#leader = undefined;
    if (!this.#owns) {
      this.#asking = new AbortController();
      void this.#ask(AbortSignal.any([this.#asking.signal, this.#closing.signal]));
    }
    this.#look();
  }

  #look(): void {
    const { elected } = this;
    if (elected === this.#told || this.#closing.signal.aborted) return;
    this.#told = elected;
    if (elected) this.#logger.info({}, 'elected to write the routing table');
    else this.#logger.warn({ owns: this.#owns }, 'not elected to write the routing table any more');
    this.#onChange();
  }

  /** A new writer means a new assignment for everybody, so once for each is enough. */
  async #ask(signal: AbortSignal): Promise<void> {
    const { client, names, random = Math.random } = this.#options;
    for (let attempt = 1; attempt <= askAttempts && !signal.aborted; attempt += 1) {
      try {
        const { groups } = await withAdmin({ client, clock: this.#clock, timeoutMs: 5_000, signal }, (admin) =>
          admin.describeGroups([names.adminGroup]),
        );
        const leader = ownerOf(groups[0], names.routes);
        if (leader !== undefined && !signal.aborted) {
          this.#leader = leader;
          return this.#logger.info({ leader }, 'another process writes the routing table');
        }
      } catch (error) {
        if (!signal.aborted) this.#logger.debug({ error: messageOf(error) }, 'kafka: who was elected is not known yet');
      }
      await wait(this.#clock, backoffMs(attempt, { initialMs: 100, maxMs: 5_000, random }), signal, { unref: true });
    }
  }
}

/** The client id of the member that has partition 0 of a topic. */
function ownerOf(group: GroupDescription | undefined, topic: string): string | undefined {
  if (group?.state !== 'Stable') return undefined;
  const owner = group.members.find(({ memberAssignment }) => {
    const { assignment = {} } = AssignerProtocol.MemberAssignment.decode(memberAssignment) ?? {};
    return assignment[topic]?.includes(0) === true;
  });
  return owner?.clientId;
}
