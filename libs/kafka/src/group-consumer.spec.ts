import { afterEach, describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { type Admin } from 'kafkajs';
import { GroupConsumer } from './group-consumer.js';
import { type KafkaClient } from './kafka-client.js';
import { FakeConsumers } from './testing/fake-consumers.js';

describe('GroupConsumer', () => {
  const sources: GroupConsumer[] = [];
  afterEach(() => sources.splice(0).forEach((source) => void source.stop()));

  function bench() {
    const [brokers, clock, assignments] = [new FakeConsumers(), new ManualClock(), [] as number[]];
    const source = new GroupConsumer({ client: brokers.client, clock, groupId: 'g', random: () => 0.5 });
    sources.push(source);
    const start = async (): Promise<void> => {
      await source.subscribe(['t']);
      void source.start({
        onAssigned: async (partitions) => void assignments.push(partitions.length),
        onBatch: async () => 'commit',
      });
      await settle();
    };
    /** The brokers answer such requests all the while. */
    const beat = async (ms: number, apiName = 'Heartbeat'): Promise<void> => {
      for (let leftMs = ms; leftMs > 0; leftMs -= 1_000) {
        brokers.last.tell('REQUEST', { apiName });
        await clock.advance(1_000);
      }
    };
    return { brokers, clock, source, assignments, start, beat };
  }

  it('begins another consumer where one has not come to join within a minute, and takes nothing that it is given later', async () => {
    const { brokers, clock, source, assignments, start } = bench();
    let connect: () => void = () => undefined;
    brokers.connecting = () => new Promise((resolve) => (connect = resolve));
    await start();
    await clock.advance(59_000);
    expect([brokers.made.length, source.problem]).toEqual([1, 'joining the group']);
    brokers.connecting = async () => undefined;
    await clock.advance(2_000);
    expect(brokers.made.map(({ log }) => log)).toEqual([[], ['connected', 'joined']]);
    expect([assignments, source.problem]).toEqual([[1], undefined]);
    brokers.made[0]?.join();
    connect();
    await clock.advance(1_000);
    expect(brokers.made[0]?.log).toEqual(['joined', 'connected', 'disconnected']);
    expect([assignments, source.problem]).toEqual([[1], undefined]);
  });

  it('begins another consumer where the group is in motion for ever, though the brokers answer', async () => {
    const { brokers, source, assignments, start, beat } = bench();
    await start();
    await beat(120_000);
    expect(brokers.made).toHaveLength(1);
    brokers.last.tell('REBALANCING');
    await beat(30_000);
    expect([brokers.made.length, source.problem]).toEqual([1, 'the group has been in motion for 30000 ms']);
    await beat(5_000);
    expect(brokers.made.map(({ log }) => log.at(-1))).toEqual(['disconnected', 'joined']);
    expect([assignments, source.problem]).toEqual([[1, 1], undefined]);
  });

  it('begins another consumer where the coordinator answers no heartbeat, though fetches are answered', async () => {
    const { brokers, source, assignments, start, beat } = bench();
    await start();
    await beat(20_000);
    await beat(14_000, 'Fetch');
    expect([brokers.made.length, source.problem]).toEqual([1, "the group's coordinator has not answered for 15000 ms"]);
    await beat(1_000, 'Fetch');
    expect(brokers.made.map(({ log }) => log.at(-1))).toEqual(['disconnected', 'joined']);
    expect([assignments, source.problem]).toEqual([[1, 1], undefined]);
  });

  it('keeps a consumer that joins again in time', async () => {
    const { brokers, start, beat } = bench();
    await start();
    for (let round = 0; round < 5; round += 1) {
      brokers.last.tell('REBALANCING');
      await beat(20_000);
      brokers.last.join();
    }
    expect(brokers.made).toHaveLength(1);
  });

  it('keeps the consumer where a topic that it has cannot be asked for, while it waits for another one', async () => {
    const { brokers, clock, assignments } = bench();
    let isTroubled = false;
    const admin = (): Admin =>
      ({
        ...(brokers.client.admin({}) as object),
        fetchTopicMetadata: async ({ topics: [name = ''] }: { readonly topics: readonly string[] }) => {
          if (name === 'b' && isTroubled) throw Object.assign(new Error('no leader'), { type: 'LEADER_NOT_AVAILABLE' });
          return { topics: name === 'missing' ? [] : [{ name, partitions: [{}] }] };
        },
      }) as unknown as Admin;
    const client = { ...brokers.client, admin } as KafkaClient;
    const source = new GroupConsumer({ client, clock, groupId: 'g', random: () => 0.5 });
    sources.push(source);
    await source.subscribe(['a', 'b', 'missing']);
    void source.start({
      onAssigned: async (places) => void assignments.push(places.length),
      onBatch: async () => 'commit',
    });
    await settle();
    for (let second = 0; second < 30; second += 1) {
      isTroubled = second >= 5 && second < 12;
      brokers.last.tell('REQUEST', { apiName: 'Heartbeat' });
      await clock.advance(1_000);
    }
    expect([brokers.made.length, assignments]).toEqual([1, [2]]);
  });
});
