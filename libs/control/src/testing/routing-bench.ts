import { type Route, topicNames } from '@tidemark/protocol';
import { ManualClock, recordingLogger } from '@tidemark/runtime/testing';

import { RoutingTable } from '../routing-table.js';
import { type RoutingTableOptions } from '../routing-table-options.js';
import { FakeRouteLog, FakeRoutingTopic } from './fake-route-log.js';
import { FakeTopicAdmin } from './fake-topic-admin.js';

/** A routing table on fakes, and every fake. */
export interface RoutingBench {
  readonly topic: FakeRoutingTopic;
  readonly log: FakeRouteLog;
  readonly admin: FakeTopicAdmin;
  readonly clock: ManualClock;
  readonly logger: ReturnType<typeof recordingLogger>;
  readonly table: RoutingTable;
}

/** Opens a routing table on `topic`; `topics` exist already, with their partition counts. `wrapped`: its ports, as it is to have them. */
export async function openRoutingTable(
  topic = new FakeRoutingTopic(),
  options: Partial<RoutingTableOptions> = {},
  topics: Readonly<Record<string, number>> = {},
  wrapped: <T extends object>(port: T) => T = (port) => port,
): Promise<RoutingBench> {
  const log = new FakeRouteLog(topic);
  const admin = new FakeTopicAdmin(topics);
  const clock = new ManualClock();
  const logger = recordingLogger();
  const table = new RoutingTable({
    ...{ log: wrapped(log), topics: wrapped(admin), names: topicNames(), clock, logger },
    ...options,
  });
  await table.open();
  return { topic, log, admin, clock, logger, table };
}

/** A record as another writer would leave it. */
export function foreignRoute(fields: Partial<Route>): Route {
  const route = { table: 'users', version: 1, writerEpoch: 1, topics: { 'tidemark.cache.a': 1 }, deleted: false };
  return { ...route, changedAt: 0, changedBy: 'other', ...fields };
}
