import { type Admin, type Consumer, type ConsumerConfig } from 'kafkajs';
import { type KafkaClient } from '../kafka-client.js';

type Listener = (event: { readonly payload: object }) => void;

const events = {
  GROUP_JOIN: 'join',
  END_BATCH_PROCESS: 'batch end',
  CRASH: 'crash',
  REQUEST: 'request',
  REBALANCING: 'rebalancing',
  FETCH: 'fetch',
};

/** A consumer of kafkajs's, which joins at once unless it is told otherwise, and hears of nothing but what a test tells it. */
export class FakeConsumer {
  readonly events = events;
  readonly groupId: string;
  readonly log: string[] = [];
  readonly #listeners = new Map<string, Listener[]>();
  #topics: readonly string[] = [];

  constructor(
    config: ConsumerConfig,
    /** Awaited before it is connected. */
    readonly connecting: () => Promise<void>,
  ) {
    this.groupId = config.groupId;
  }

  on(event: string, listener: Listener): () => void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    return () => undefined;
  }

  tell(event: keyof typeof events, payload: object = {}): void {
    for (const listener of this.#listeners.get(events[event]) ?? []) listener({ payload });
  }

  async connect(): Promise<void> {
    await this.connecting();
    this.log.push('connected');
  }

  async subscribe({ topics }: { readonly topics: readonly string[] }): Promise<void> {
    this.#topics = topics;
  }

  async run(): Promise<void> {
    this.join();
  }

  /** With the first partition of every topic. */
  join(): void {
    this.log.push('joined');
    const memberAssignment = Object.fromEntries(this.#topics.map((topic) => [topic, [0]]));
    this.tell('GROUP_JOIN', { memberId: 'm', memberAssignment });
  }

  seek(): void {}
  pause(): void {}
  resume(): void {}

  async disconnect(): Promise<void> {
    this.log.push('disconnected');
  }
}

/** Brokers on which every topic is there, empty, with one partition, and nothing was committed. */
export class FakeConsumers {
  readonly made: FakeConsumer[] = [];
  /** What the next consumers await before they are connected. */
  connecting: () => Promise<void> = async () => undefined;

  readonly client = {
    consumer: (config: ConsumerConfig) => {
      const consumer = new FakeConsumer(config, this.connecting);
      this.made.push(consumer);
      return consumer as unknown as Consumer;
    },
    admin: () => fakeAdmin as Admin,
    producer: () => {
      throw new Error('nobody writes');
    },
  } as unknown as KafkaClient;

  /** The one that was made last. */
  get last(): FakeConsumer {
    const last = this.made.at(-1);
    if (last === undefined) throw new Error('no consumer was made');
    return last;
  }
}

const fakeAdmin = {
  connect: async () => undefined,
  disconnect: async () => undefined,
  deleteGroups: async () => [],
  fetchTopicOffsets: async () => [{ partition: 0, offset: '0', high: '0', low: '0' }],
  fetchTopicMetadata: async ({ topics = [] }: { readonly topics?: readonly string[] } = {}) => ({
    topics: topics.map((name) => ({ name, partitions: [{}] })),
  }),
  fetchOffsets: async () => [],
} as unknown as Partial<Admin>;
