import { beforeEach, describe, expect, it } from '@jest/globals';
import { Tally } from './tools.mjs';

describe('the tally of a consumer', () => {
  let nowMs = 0;
  let tally = new Tally(2, () => nowMs);

  beforeEach(() => {
    nowMs = 0;
    tally = new Tally(2, () => nowMs);
  });

  const acknowledge = (partition: number, ...numbers: number[]): void => {
    for (const number of numbers) tally.acknowledged(partition, number);
  };

  it('has lost what was acknowledged and did not come, in its own partition', () => {
    acknowledge(0, 0, 1, 2);
    acknowledge(1, 0, 1);
    tally.received(0, [0, 2]);
    tally.received(1, [0]);
    expect(tally.missing).toBe(2);
    expect(tally.result()).toMatchObject({ sent: 5, received: 3, lost: 2, repeated: 0, disordered: 0 });
    tally.received(1, [1]);
    expect(tally.result()).toMatchObject({ sent: 5, received: 4, lost: 1 });
  });

  it('does not miss a record that nobody acknowledged, whether it came or not', () => {
    acknowledge(0, 0);
    tally.received(0, [0, 1]);
    expect(tally.result()).toMatchObject({ sent: 1, received: 1, lost: 0, repeated: 0 });
    expect(tally.counts).toEqual([2, 0]);
  });

  it('tells repetitions from records out of order', () => {
    acknowledge(0, 0, 1, 2, 3);
    tally.received(0, [0, 1, 0, 1]);
    expect(tally.result()).toMatchObject({ repeated: 2, disordered: 0, lost: 2 });
    tally.received(0, [3, 2]);
    expect(tally.result()).toMatchObject({ repeated: 2, disordered: 1, lost: 0 });
  });

  it('counts the gaps it is told of', () => {
    tally.gap();
    tally.gap();
    expect(tally.result().gaps).toBe(2);
  });

  it('is silent for as long as its most silent partition, whatever the others bring', () => {
    for (nowMs = 100; nowMs <= 1_000; nowMs += 100) tally.received(0, [nowMs]);
    nowMs = 700;
    tally.received(1, [0]);
    nowMs = 900;
    tally.received(1, [1]);
    expect(tally.result().silenceMs).toBe(700);
  });

  it('counts the silence before the end, and none after it', () => {
    tally.received(0, [0]);
    nowMs = 500;
    tally.stop();
    nowMs = 9_000;
    tally.received(0, [1]);
    expect(tally.result()).toMatchObject({ silenceMs: 500 });
    expect(tally.counts).toEqual([2, 0]);
  });

  it('has no other partitions', () => {
    expect(() => tally.received(2, [0])).toThrow('partition: expected 0 to 1, got 2');
  });
});
