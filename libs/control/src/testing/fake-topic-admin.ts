import { TidemarkError } from '@tidemark/runtime';

import { type TopicAdmin } from '../ports.js';

/** Topics as names and partition counts. */
export class FakeTopicAdmin implements TopicAdmin {
  /** Topic → partition count. */
  readonly topics: Map<string, number>;
  /** While set, every call fails with it. */
  failure: Error | undefined;

  constructor(topics: Readonly<Record<string, number>> = {}) {
    this.topics = new Map(Object.entries(topics));
  }

  async partitionsOf(topic: string): Promise<number | undefined> {
    if (this.failure !== undefined) throw this.failure;
    return this.topics.get(topic);
  }

  async create(topic: string, partitions: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const existing = this.topics.get(topic);
    if (existing !== undefined && existing !== partitions) {
      throw new TidemarkError('PARTITION_MISMATCH', `${topic} exists with ${existing} partitions`, {
        retriable: false,
      });
    }
    this.topics.set(topic, partitions);
  }
}
