import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { type Admin, type ITopicMetadata } from 'kafkajs';
import { Conditions } from './conditions.js';
import { type KafkaClient } from './kafka-client.js';
import { Positions } from './positions.js';
import { TailEnds } from './tail-ends.js';

/** What the brokers do when they are asked for the ends of a topic: its ends, by partition, or a failure. */
type Answer = () => Promise<readonly number[]>;

const never = <T>(): Promise<T> => new Promise(() => undefined);
const ends =
  (...offsets: number[]): Answer =>
  async () =>
    offsets;
const failure =
  (message: string, type?: string): Answer =>
  async () => {
    throw Object.assign(new Error(message), { type });
  };

class FakeBrokers {
  answer: Answer = failure('no answer was given');
  topicId: string | undefined;
  connect: () => Promise<void> = async () => undefined;
  connections = 0;
  disconnects = 0;

  readonly client = {
    admin: () => {
      this.connections += 1;
      const admin: Partial<Admin> = {
        connect: () => this.connect(),
        disconnect: async () => void (this.disconnects += 1),
        fetchTopicMetadata: async () => ({
          topics: [
            {
              name: 't',
              partitions: [
                { partitionId: 0, topicId: this.topicId } as unknown as ITopicMetadata['partitions'][number],
              ],
            },
          ],
        }),
        fetchTopicOffsets: async () =>
          (await this.answer()).map((end, partition) => ({
            ...{ partition, offset: String(end), high: String(end), low: '0' },
          })),
      };
      return admin;
    },
  } as unknown as KafkaClient;
}

function bench(...at: bigint[]) {
  const [brokers, clock, positions, conditions] = [
    new FakeBrokers(),
    new ManualClock(),
    new Positions(),
    new Conditions(),
  ];
  positions.fix('t', at);
  const followed: { topicId?: string } = {};
  const isReached = (topic: string, high: readonly bigint[], topicId: string | undefined): boolean =>
    topicId === followed.topicId && positions.reached(topic, high);
  const tail = new TailEnds({ client: brokers.client, clock, isReached, conditions, random: () => 0.5 });
  const pass = (signal?: AbortSignal) => {
    const outcome = { is: 'waiting' };
    tail.pass('t', signal).then(
      () => (outcome.is = 'passed'),
      (error: unknown) => (outcome.is = (error as { code: string }).code),
    );
    return outcome;
  };
  const move = async (partition: number, next: bigint): Promise<void> => {
    positions.move('t', partition, next);
    conditions.check();
    await settle();
  };
  return { brokers, clock, conditions, positions, followed, pass, move };
}

describe('TailEnds', () => {
  it('waits until every partition has reached the end that it had when it was asked for', async () => {
    const { brokers, clock, pass, move } = bench(3n, 0n);
    brokers.answer = ends(5, 2);
    const outcome = pass();
    await settle();
    brokers.answer = ends(9, 9);
    await move(0, 7n);
    await clock.advance(60_000);
    expect(outcome.is).toBe('waiting');
    await move(1, 2n);
    expect(outcome.is).toBe('passed');
  });

  it.each([
    ['dead', failure('connect ECONNREFUSED')],
    ['one that has no leader', failure('no leader', 'LEADER_NOT_AVAILABLE')],
    ['one that has not got the topic', failure('no topic', 'UNKNOWN_TOPIC_OR_PARTITION')],
    ['silent', never],
  ] as const)('asks again while the broker is %s, and passes once there is an answer', async (_name, answer) => {
    const { brokers, clock, pass } = bench(5n);
    brokers.answer = answer;
    const outcome = pass();
    await clock.advance(60_000);
    expect([outcome.is, brokers.connections >= 5]).toEqual(['waiting', true]);
    brokers.answer = ends(5);
    await clock.advance(12_000);
    expect(outcome.is).toBe('passed');
    expect(brokers.disconnects).toBe(brokers.connections);
  });

  it('gives up a connection that never comes about, and makes another', async () => {
    const { brokers, clock, pass } = bench(5n);
    [brokers.connect, brokers.answer] = [never, ends(5)];
    const outcome = pass();
    await clock.advance(9_000);
    brokers.connect = async () => undefined;
    expect([outcome.is, brokers.connections]).toEqual(['waiting', 1]);
    await clock.advance(3_000);
    expect([outcome.is, brokers.connections, brokers.disconnects]).toEqual(['passed', 2, 2]);
  });

  it.each([
    ['is asking', never, 5n],
    ['waits to ask again', failure('refused'), 5n],
    ['waits for the tail', ends(7), 5n],
  ] as const)('ends at once with its caller, and with the tail, while it %s', async (_name, answer, at) => {
    const { brokers, clock, conditions, pass } = bench(at);
    brokers.answer = answer;
    const caller = new AbortController();
    const aborted = pass(caller.signal);
    const closed = pass();
    await settle();
    caller.abort();
    await settle();
    expect([aborted.is, closed.is]).toEqual(['ABORTED', 'waiting']);
    conditions.close();
    await clock.advance(10_000);
    expect(closed.is).toBe('CLOSED');
    expect(clock.pending).toBe(0);
  });

  it('waits for nothing that has left the log: one that was cut at its end, or made anew with fewer partitions', async () => {
    const { brokers, clock, pass, move } = bench(5n, 5n);
    brokers.answer = ends(9, 9);
    const outcome = pass();
    await settle();
    brokers.answer = ends(3);
    await move(0, 2n);
    await clock.advance(6_000);
    expect(outcome.is).toBe('waiting');
    await move(0, 3n);
    expect(outcome.is).toBe('passed');
  });

  it('asks for the ends seldom while it waits', async () => {
    const { brokers, clock, pass } = bench(5n);
    brokers.answer = ends(9);
    const outcome = pass();
    await clock.advance(60_000);
    expect([outcome.is, brokers.connections]).toEqual(['waiting', 13]);
  });

  it('hazard 52: waits for the end of the topic that there is, where the one that was read reaches beyond it', async () => {
    const { brokers, followed, positions, conditions, pass } = bench(100n);
    brokers.answer = ends(5);
    brokers.topicId = 'anew';
    followed.topicId = 'old';
    const outcome = pass();
    await settle();
    expect(outcome.is).toBe('waiting');
    followed.topicId = 'anew';
    positions.fix('t', [0n]);
    conditions.check();
    await settle();
    expect(outcome.is).toBe('waiting');
    positions.move('t', 0, 5n);
    conditions.check();
    await settle();
    expect(outcome.is).toBe('passed');
  });
});
