import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { Positions } from './positions.js';
import { type TailSession } from './tail-session.js';
import { TailSteps } from './tail-steps.js';

function bench() {
  const [clock, positions, steps] = [new ManualClock(), new Positions(), [] as string[]];
  positions.fix('t', [4n]);
  const session = { answers: 0, seek: (_topic: string, _partition: number, to: bigint) => steps.push(String(to)) };
  const nothingAt = new Set<bigint>();
  const tail = new TailSteps({
    clock,
    positions,
    isNothing: (_topic, _partition, offset) => nothingAt.has(offset),
    isPresent: () => true,
    onStep: (topic, partition, next) => positions.move(topic, partition, next),
  });
  const step = (end: bigint): void => tail.on(session as unknown as TailSession, 't', 0, end);
  const answer = async (): Promise<void> => {
    session.answers += 2;
    await clock.advance(5_000);
  };
  return { steps, nothingAt, step, answer, position: () => positions.at('t', 0) };
}

describe('TailSteps', () => {
  it('passes no offset of which the brokers have not said that there is nothing: that it does not come may be a slow answer', () => {
    const { steps, step, position } = bench();
    step(9n);
    expect([steps, position()]).toEqual([[], 4n]);
  });

  it('passes those of which they have, one after another, and stays where they say no more', async () => {
    const { steps, nothingAt, step, answer, position } = bench();
    for (const offset of [4n, 5n]) nothingAt.add(offset);
    step(9n);
    for (let answers = 0; answers < 4; answers += 1) await answer();
    expect([steps, position()]).toEqual([['5', '6'], 6n]);
  });
});
