import { FeedFollower } from '@tidemark/cache/internals';
import { createKafkaClient, PodFeed } from '@tidemark/kafka';
import { topicNames } from '@tidemark/protocol';
import { MetricRegistry, silentLogger } from '@tidemark/runtime';
import { randomUUID } from 'node:crypto';

/**
 * A pod without a cache: it follows the region's tables as pods do, and so knows up to what time everything has come through. The stack's
 * own proof that it is quiet is the product's watermark.
 */
export class RegionProbe {
  readonly #follower: FeedFollower;
  readonly #tables: readonly string[];

  constructor(region: string, brokers: readonly string[], topicPrefix: string, tables: readonly string[]) {
    const client = createKafkaClient({ brokers, clientId: 'local-stack-probe' });
    const feed = new PodFeed({ client, names: topicNames(topicPrefix), service: 'local-stack', podId: randomUUID() });
    this.#follower = new FeedFollower({
      feed,
      region,
      logger: silentLogger,
      metrics: new MetricRegistry(),
      onProgress: () => undefined,
      onReportAsked: () => undefined,
    });
    this.#tables = tables;
    for (const table of tables) this.#follower.table(table);
  }

  open(): Promise<void> {
    return this.#follower.open();
  }

  close(): Promise<void> {
    return this.#follower.close();
  }

  /** Tables of which not everything before `at` (ms since the epoch) has come through in every partition. */
  behind(at: number): readonly string[] {
    return this.#tables.filter((table) => this.#follower.table(table).watermark <= at);
  }
}
