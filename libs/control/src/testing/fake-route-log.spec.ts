import { describe, expect, it } from '@jest/globals';
import { type Route } from '@tidemark/protocol';

import { FakeRouteLog, FakeRoutingTopic } from './fake-route-log.js';
import { routeLogContract } from './route-log-contract.js';

describe('FakeRouteLog', () => {
  const cases = routeLogContract(async () => {
    const topic = new FakeRoutingTopic();
    return {
      newLog: () => new FakeRouteLog(topic),
      writeRaw: async (table, bytes) => topic.writeRaw(table, bytes),
      dispose: async () => undefined,
    };
  });
  for (const { name, run } of cases) it(name, run);

  it('keeps the last record of a table when it is compacted', () => {
    const topic = new FakeRoutingTopic();
    for (const version of [1, 2, 3]) topic.write({ ...route, version });
    topic.compact();
    expect(topic.routes.map(({ version }) => version)).toEqual([3]);
  });
});

const route: Route = {
  table: 'users',
  version: 1,
  writerEpoch: 1,
  topics: { 'tidemark.cache.users': 1 },
  deleted: false,
  changedAt: 0,
  changedBy: 'test',
};
