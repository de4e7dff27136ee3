import { FakeRouteLog, FakeRoutingTopic, FakeTopicAdmin } from '@tidemark/control/testing';
import { type PodProgress } from '@tidemark/control';
import { type PodReport, type Route } from '@tidemark/protocol';
import { ManualClock, recordingLogger } from '@tidemark/runtime/testing';
import request from 'supertest';

import { type AdminOptions } from '../admin-options.js';
import { type AdminService, startAdmin } from '../start-admin.js';

export const topicA = 'tidemark.cache.a';
export const topicB = 'tidemark.cache.b';

/** The API over fakes. */
export class AdminBench {
  readonly topic = new FakeRoutingTopic();
  readonly log = new FakeRouteLog(this.topic);
  readonly topics = new FakeTopicAdmin();
  readonly logger = recordingLogger();
  /** For `open`, where a test has the time. */
  readonly clock = new ManualClock();
  /** What the live pods say. */
  pods: readonly PodReport[] = [];
  #service: AdminService | undefined;

  async open(options: Partial<AdminOptions> = {}): Promise<this> {
    const { log, topics, logger } = this;
    const pods: PodProgress = { read: async () => this.pods };
    this.#service = await startAdmin({ log, topics, logger, pods, ...options });
    return this;
  }

  /** Another admin on the same topic. */
  async reopen(): Promise<void> {
    await this.open({ log: new FakeRouteLog(this.topic), clock: this.clock });
  }

  get url(): string {
    return this.#service?.url ?? '';
  }

  get api(): ReturnType<typeof request> {
    return request(this.url);
  }

  async close(): Promise<void> {
    await this.#service?.close();
  }

  put(table: string, topics: readonly string[], precondition: Record<string, string>): request.Test {
    return this.api.put(`/api/v1/routes/${table}`).set(precondition).send({ topics });
  }

  /** As another writer would. */
  write(fields: Partial<Route>): void {
    const route = { table: 'users', version: 1, writerEpoch: 1, topics: { [topicA]: 1 }, deleted: false };
    this.topic.write({ ...route, changedAt: 0, changedBy: 'other', ...fields });
  }
}

export const create = { 'If-None-Match': '*' };

export function at(version: number): { readonly 'If-Match': string } {
  return { 'If-Match': `"${version}"` };
}
