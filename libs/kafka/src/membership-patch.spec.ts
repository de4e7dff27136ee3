/// <reference types="./kafkajs-internals.d.ts" />
import { beforeAll, describe, expect, it } from '@jest/globals';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';
import { membershipOf, patchMembership } from './membership-patch.js';

const nothing = (): void => undefined;
const logger = { namespace: () => ({ debug: nothing, info: nothing, warn: nothing, error: nothing }) };

class FakeCoordinator {
  failure: Error | undefined;
  heartbeats = 0;
  async heartbeat(): Promise<void> {
    this.heartbeats += 1;
    if (this.failure !== undefined) throw this.failure;
  }
}

class FakeCluster {
  coordinator: FakeCoordinator | undefined;
  lookUps = 0;
  async connect(): Promise<void> {}
  async refreshMetadataIfNecessary(): Promise<void> {}
  async findGroupCoordinator(): Promise<FakeCoordinator> {
    this.lookUps += 1;
    if (this.coordinator === undefined) throw new Error('none');
    return this.coordinator;
  }
}

function named(name: string, type?: string): Error {
  return Object.assign(new Error(name), { name, type });
}

describe('patchMembership', () => {
  beforeAll(() => {
    patchMembership();
    patchMembership();
  });

  function member(): { group: ConsumerGroup; cluster: FakeCluster; first: FakeCoordinator } {
    const cluster = new FakeCluster();
    const group = new ConsumerGroup({
      cluster,
      groupId: 'g',
      topics: [],
      logger,
      instrumentationEmitter: { emit: nothing },
    });
    const first = new FakeCoordinator();
    Object.assign(group, { memberId: 'm', generationId: 1, coordinator: first });
    return { group, cluster, first };
  }

  const beat = (group: ConsumerGroup): Promise<string> =>
    group.heartbeat({ interval: 0 }).then(
      () => 'sent',
      (error: unknown) => String(error),
    );

  it('knows a membership by its cluster, once it is connected', async () => {
    const { group, cluster } = member();
    expect(membershipOf(cluster)).toBeUndefined();
    await group.connect();
    expect(membershipOf(cluster)).toBe(group);
  });

  it.each(['KafkaJSConnectionError', 'KafkaJSConnectionClosedError', 'KafkaJSRequestTimeoutError'])(
    'sends the next heartbeat to the new coordinator after %s',
    async (name) => {
      const { group, cluster, first } = member();
      first.failure = named(name);
      cluster.coordinator = new FakeCoordinator();
      expect(await beat(group)).toContain(name);
      expect(await beat(group)).toBe('sent');
      expect([first.heartbeats, cluster.coordinator.heartbeats, cluster.lookUps]).toEqual([1, 1, 1]);
    },
  );

  it('asks again with every heartbeat that fails while there is no coordinator', async () => {
    const { group, cluster, first } = member();
    first.failure = named('KafkaJSConnectionError');
    for (let n = 0; n < 3; n += 1) expect(await beat(group)).toContain('KafkaJSConnectionError');
    expect(cluster.lookUps).toBe(3);
    cluster.coordinator = new FakeCoordinator();
    await beat(group);
    expect(await beat(group)).toBe('sent');
  });

  it('asks once for heartbeats that fail at once', async () => {
    const { group, cluster, first } = member();
    first.failure = named('KafkaJSConnectionError');
    cluster.coordinator = new FakeCoordinator();
    await Promise.all([beat(group), beat(group), beat(group)]);
    expect(cluster.lookUps).toBe(1);
  });

  it('leaves what the coordinator itself says to kafkajs', async () => {
    const { group, cluster, first } = member();
    first.failure = named('KafkaJSProtocolError', 'REBALANCE_IN_PROGRESS');
    expect(await beat(group)).toContain('KafkaJSProtocolError');
    expect(cluster.lookUps).toBe(0);
  });

  it('does not undo what a join has found meanwhile', async () => {
    const { group, cluster, first } = member();
    first.failure = named('KafkaJSConnectionError');
    const joined = new FakeCoordinator();
    cluster.findGroupCoordinator = async () => {
      group.coordinator = joined;
      return new FakeCoordinator();
    };
    await beat(group);
    expect(group.coordinator).toBe(joined);
  });
});
