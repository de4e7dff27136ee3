import { afterEach, describe, expect, it } from '@jest/globals';
import { MetricRegistry, silentLogger } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { LogTail } from './log-tail.js';
import { FakeConsumers } from './testing/fake-consumers.js';

describe('LogTail', () => {
  const tails: LogTail[] = [];
  afterEach(() => tails.splice(0).forEach((tail) => void tail.close()));

  function bench() {
    const [brokers, clock, states] = [new FakeConsumers(), new ManualClock(), [] as string[]];
    const options = { logger: silentLogger, metrics: new MetricRegistry(), groupPrefix: 'g', random: () => 0.5 };
    const nothing = (): void => undefined;
    const tail = new LogTail(
      { ...options, client: brokers.client, clock },
      { onRecords: nothing, onGap: nothing, onPartitions: nothing, onState: (state) => void states.push(state) },
    );
    tails.push(tail);
    const follow = async (): Promise<void> => {
      void tail.follow(new Map([['t', { from: 'start', compacted: true }]]));
      await settle();
    };
    return { brokers, clock, states, follow };
  }

  it('begins another consumer where one has not come to join within a minute, and does not listen to it when it does', async () => {
    const { brokers, clock, states, follow } = bench();
    let connect: () => void = () => undefined;
    brokers.connecting = () => new Promise((resolve) => (connect = resolve));
    await follow();
    await clock.advance(59_000);
    expect([brokers.made.length, states]).toEqual([1, []]);
    brokers.connecting = async () => undefined;
    await clock.advance(2_000);
    expect(brokers.made.map(({ log }) => log)).toEqual([[], ['connected', 'joined']]);
    expect(states).toEqual(['interrupted', 'live']);
    connect();
    await settle();
    expect(brokers.made[0]?.log).toEqual(['connected', 'disconnected']);
  });
});
