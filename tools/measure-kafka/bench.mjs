// The product's pod feed and group consumer under a bounded load of numbered records, on brokers that may be restarted.
import { randomUUID } from 'node:crypto';
import { createKafkaClient, GroupConsumer, KafkaProducer, PodFeed } from '@tidemark/kafka';
import { topicNames } from '@tidemark/protocol';
import { Tally } from './tally.mjs';

const partitions = 4;
const members = 2;
/** Between two records of one partition. */
const pauseMs = 20;
const publishTimeoutMs = 60_000;
const pollMs = 50;
const waitMsMax = 60_000;

/** @typedef {{ feed: import('./tally.mjs').Result, group: import('./tally.mjs').Result, sendMs: number, failures: number }} Figures */

/** A pod feed on one topic, two members of a group on another, and a load on both. */
export class Bench {
  /** @type {(() => Promise<unknown>)[]} */
  #closers = [];
  #client;
  #names = topicNames(`m${randomUUID().slice(0, 8)}`);
  #copies;
  #feed = newTally();
  #group = newTally();
  #sendMs = 0;
  #failures = 0;
  #stopped = false;
  /** @type {Promise<unknown>} */
  #writing = Promise.resolve();
  /** @type {Promise<import('kafkajs').Admin> | undefined} */
  #admin;

  /** @param {readonly string[]} brokers */
  constructor(brokers) {
    this.#client = createKafkaClient({ brokers });
    this.#copies = Math.min(3, brokers.length);
  }

  /** Resolves when both topics bring records in every partition. */
  async start() {
    const cacheTopic = this.#names.cache('measured');
    const tableTopic = this.#names.cdc('measured');
    await this.#createTopics([cacheTopic, tableTopic]);
    await this.#startFeed(cacheTopic);
    await Promise.all(Array.from({ length: members }, () => this.#startMember(tableTopic)));
    const producer = new KafkaProducer({ client: this.#client, names: this.#names, publishTimeoutMs });
    this.#closers.push(() => producer.close());
    const loads = [
      { topic: cacheTopic, to: this.#feed },
      { topic: tableTopic, to: this.#group },
    ];
    const lanes = loads.flatMap((load) =>
      Array.from({ length: partitions }, (_, partition) => ({ ...load, partition })),
    );
    this.#writing = Promise.all(lanes.map((lane) => this.#write(producer, lane)));
    await this.moves('the first records');
  }

  /**
   * Resolves when every partition has brought more than it had.
   * @param {string} what
   */
  async moves(what) {
    const before = [...this.#feed.counts, ...this.#group.counts];
    await until(what, () =>
      [...this.#feed.counts, ...this.#group.counts].every((count, i) => count > (before[i] ?? 0)),
    );
  }

  /** Resolves when every partition is on all of the brokers again. */
  async replicated() {
    const admin = await this.#connectAdmin();
    await until('all replicas in sync', async () => {
      const { topics } = await admin.fetchTopicMetadata({
        topics: [this.#names.cache('measured'), this.#names.cdc('measured')],
      });
      return topics.every((topic) =>
        topic.partitions.every(({ isr, leader }) => leader >= 0 && isr.length === this.#copies),
      );
    });
  }

  /** Ends the load, waits for what is on its way, and tells the figures. @returns {Promise<Figures>} */
  async finish() {
    this.#stopped = true;
    await this.#writing;
    for (const tally of [this.#feed, this.#group]) tally.stop();
    await until('what was acknowledged', () => this.#feed.missing + this.#group.missing === 0).catch(() => undefined);
    return { feed: this.#feed.result(), group: this.#group.result(), sendMs: this.#sendMs, failures: this.#failures };
  }

  async close() {
    this.#stopped = true;
    for (const closer of this.#closers.reverse()) await closer();
  }

  /** @param {readonly string[]} topics */
  async #createTopics(topics) {
    const admin = await this.#connectAdmin();
    const common = { replicationFactor: this.#copies };
    const durable = [{ name: 'min.insync.replicas', value: String(Math.max(1, this.#copies - 1)) }];
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        ...topics.map((topic) => ({ ...common, topic, numPartitions: partitions, configEntries: durable })),
        {
          ...common,
          topic: this.#names.routes,
          numPartitions: 1,
          configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
        },
      ],
    });
  }

  /** @param {string} topic */
  async #startFeed(topic) {
    const feed = new PodFeed({ client: this.#client, names: this.#names, service: 'measure', podId: randomUUID() });
    this.#closers.push(() => feed.close());
    await feed.open({
      onRoute: () => undefined,
      onBatch: ({ partition, records }) => this.#feed.received(partition, records.map(numberOf)),
      onGap: () => this.#feed.gap(),
      onPartitions: () => undefined,
      onState: () => undefined,
    });
    await feed.tail([topic]);
  }

  /** @param {string} topic */
  async #startMember(topic) {
    const member = new GroupConsumer({ client: this.#client, groupId: this.#names.dispatcherGroup });
    this.#closers.push(() => member.stop());
    await member.subscribe([topic]);
    await member.start({
      onAssigned: async () => undefined,
      onBatch: async ({ partition, records, afterGap }) => {
        if (afterGap === true) this.#group.gap();
        this.#group.received(partition, records.map(numberOf));
        return 'commit';
      },
    });
  }

  /**
   * Sends 0, 1, 2, … to one partition, each after the acknowledgement of the one before.
   * @param {KafkaProducer} producer
   * @param {{ readonly topic: string, readonly to: Tally, readonly partition: number }} lane
   */
  async #write(producer, { topic, to, partition }) {
    const { signal } = new AbortController();
    for (let number = 0; !this.#stopped; number += 1) {
      const record = { key: `k${partition}`, value: Buffer.from(String(number)), header: null };
      const startedAt = performance.now();
      try {
        await producer.send(topic, [{ partition, record }], signal);
        to.acknowledged(partition, number);
      } catch {
        // Whether it was written nobody knows: it is not counted as sent.
        this.#failures += 1;
      }
      this.#sendMs = Math.max(this.#sendMs, performance.now() - startedAt);
      await wait(pauseMs);
    }
  }

  #connectAdmin() {
    this.#admin ??= (async () => {
      const admin = this.#client.admin({ retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 8 } });
      await admin.connect();
      this.#closers.push(() => admin.disconnect());
      return admin;
    })();
    return this.#admin;
  }
}

function newTally() {
  return new Tally(partitions, () => performance.now());
}

/** @param {{ readonly value: Uint8Array | null }} record */
function numberOf({ value }) {
  return Number(Buffer.from(value ?? []).toString());
}

/** @param {number} ms */
function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * @param {string} what
 * @param {() => boolean | Promise<boolean>} holds a question that failed is asked again
 */
async function until(what, holds) {
  const endsAt = performance.now() + waitMsMax;
  for (;;) {
    try {
      if (await holds()) return;
    } catch {
      // A broker that is away cannot answer.
    }
    if (performance.now() > endsAt) throw new Error(`not within ${waitMsMax / 1_000} s: ${what}`);
    await wait(pollMs);
  }
}
