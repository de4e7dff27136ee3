import { describe, expect, it } from '@jest/globals';
import { type EventSourceHandler, type TopicPartition } from '@tidemark/pipeline';
import { topicNames } from '@tidemark/protocol';
import { MetricRegistry } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { AssignerProtocol } from 'kafkajs';
import { type GroupConsumerOptions } from './group-consumer.js';
import { type KafkaClient } from './kafka-client.js';
import { type GroupMember, KafkaWriterElection } from './writer-election.js';

const names = topicNames();
const seat: readonly TopicPartition[] = [{ topic: names.routes, partition: 0 }];

/** A group of one member, that a test gives partitions and takes them away. */
class FakeMember implements GroupMember {
  settled = false;
  problem: string | undefined;
  topics: readonly string[] = [];
  stopped = false;
  #handler: EventSourceHandler | undefined;

  async subscribe(topics: readonly string[]): Promise<void> {
    this.topics = topics;
  }

  async start(handler: EventSourceHandler): Promise<void> {
    this.#handler = handler;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.settled = false;
  }

  async give(partitions: readonly TopicPartition[]): Promise<void> {
    this.settled = true;
    await this.#handler?.onAssigned(partitions);
    await settle();
  }

  async hand(): Promise<unknown> {
    const batch = { ...seat[0], topic: names.routes, partition: 0, records: [], firstOffset: 0n, nextOffset: 0n };
    return this.#handler?.onBatch(batch, new AbortController().signal);
  }
}

interface Described {
  readonly clientId: string;
  readonly owns: boolean;
}

/** A client that answers what the group looks like. */
function clientOf(answers: (Error | readonly Described[])[]): KafkaClient {
  const admin = {
    connect: async () => undefined,
    disconnect: async () => undefined,
    describeGroups: async () => {
      const answer = answers.shift() ?? [];
      if (answer instanceof Error) throw answer;
      const members = answer.map(({ clientId, owns }) => ({
        clientId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 1,
          assignment: owns ? { [names.routes]: [0] } : {},
          userData: Buffer.alloc(0),
        }),
      }));
      return { groups: [{ state: 'Stable', members }] };
    },
  };
  return { admin: () => admin } as unknown as KafkaClient;
}

function started(answers: (Error | readonly Described[])[] = []) {
  const clock = new ManualClock();
  const member = new FakeMember();
  const metrics = new MetricRegistry();
  const asked: GroupConsumerOptions[] = [];
  const election = new KafkaWriterElection({
    ...{ client: clientOf(answers), names, clock, metrics, random: () => 1 },
    member: (options) => {
      asked.push(options);
      return member;
    },
  });
  const told: boolean[] = [];
  election.start(() => told.push(election.elected));
  return { election, member, clock, told, asked, metrics };
}

describe('KafkaWriterElection', () => {
  it('is a member of the group of admins for the routing topic, holds what comes and has no metrics of a consumer', async () => {
    const { member, asked, metrics } = started();
    await settle();
    expect(member.topics).toEqual(['tidemark.routes']);
    expect(asked[0]).toMatchObject({ groupId: 'tidemark.admin', sessionTimeoutMs: 6_000 });
    expect(asked[0]?.metrics).toBeUndefined();
    expect(await member.hand()).toBe('hold');
    expect(metrics.collect().map(({ name }) => name)).toEqual(['tidemark_routing_elected']);
  });

  it('is decided with the first assignment, and elects who has the partition', async () => {
    const { election, member, told } = started();
    await settle();
    expect([election.elected, election.decided]).toEqual([false, false]);
    await member.give(seat);
    expect([election.elected, election.decided, told]).toEqual([true, true, [true]]);
    await member.give([]);
    expect([election.elected, told]).toEqual([false, [true, false]]);
  });

  it('is not elected while the group is in motion or the brokers are silent, tells it, and is again afterwards', async () => {
    const { election, member, clock, told } = started();
    await settle();
    await member.give(seat);
    member.settled = false;
    expect(election.elected).toBe(false);
    await clock.advance(250);
    member.settled = true;
    expect(election.elected).toBe(true);
    await clock.advance(250);
    expect(told).toEqual([true, false, true]);
  });

  it('tells who has been elected instead, and asks until it is known', async () => {
    const others = [
      { clientId: 'admin-1', owns: false },
      { clientId: 'admin-2', owns: true },
    ];
    const { election, member, clock } = started([new Error('no broker'), [], others]);
    await settle();
    await member.give([]);
    expect(election.leader).toBeUndefined();
    await clock.advance(100);
    await settle();
    await clock.advance(200);
    await settle();
    expect(election.leader).toBe('admin-2');
    await member.give(seat);
    expect(election.leader).toBeUndefined();
  });

  it('is not elected any more once it is closed, and leaves the group', async () => {
    const { election, member, told, clock } = started();
    await settle();
    await member.give(seat);
    await election.close();
    expect([election.elected, member.stopped]).toEqual([false, true]);
    expect([told, clock.pending]).toEqual([[true], 0]);
  });
});
