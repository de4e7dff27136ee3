import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { StallWatch } from './stall-watch.js';

function watchOf(positions: Map<number, bigint>, ends: Map<number, bigint>) {
  const clock = new ManualClock();
  const looks: number[] = [];
  const watch = new StallWatch({
    clock,
    positions: () => [...positions].map(([partition, position]) => ['t', partition, position] as const),
    end: (_topic, partition) => ends.get(partition),
    survey: async () => void looks.push(clock.monotonicMs()),
  });
  const turns = async (count: number, emptyAnswers: (turn: number) => number = () => 0): Promise<unknown[]> => {
    const found = [];
    for (let turn = 1; turn <= count; turn += 1) {
      await clock.advance(1_000);
      found.push(...(await watch.turn(emptyAnswers(turn))));
    }
    return found;
  };
  return { watch, looks, turns };
}

describe('StallWatch', () => {
  it('looks seldom, and ever more seldom, while nothing is wrong', async () => {
    const { looks, turns } = watchOf(new Map([[0, 5n]]), new Map([[0, 5n]]));
    expect(await turns(120)).toEqual([]);
    expect(looks).toEqual([5_000, 15_000, 35_000, 75_000]);
  });

  it('does not look while every partition moves', async () => {
    const positions = new Map([[0, 0n]]);
    const { looks, turns } = watchOf(positions, new Map([[0, 1_000n]]));
    for (let i = 1n; i <= 20n; i += 1n) {
      positions.set(0, i);
      expect(await turns(1)).toEqual([]);
    }
    expect(looks).toEqual([]);
  });

  it('finds a partition that is behind in two turns running', async () => {
    const { looks, turns } = watchOf(
      new Map([
        [0, 5n],
        [1, 9n],
      ]),
      new Map([
        [0, 7n],
        [1, 9n],
      ]),
    );
    expect(await turns(6)).toEqual([{ topic: 't', partition: 0, end: 7n }]);
    expect(looks).toEqual([5_000, 6_000]);
  });

  it('forgets what has moved between the two turns', async () => {
    const positions = new Map([[0, 5n]]);
    const { turns } = watchOf(positions, new Map([[0, 7n]]));
    await turns(5);
    positions.set(0, 6n);
    expect(await turns(1)).toEqual([]);
  });

  it('looks at once when fetches are answered with nothing faster than a long poll would be', async () => {
    const { looks, turns } = watchOf(new Map([[0, 5n]]), new Map([[0, 7n]]));
    expect(await turns(3, (turn) => turn * 500)).toHaveLength(1);
    expect(looks).toEqual([2_000, 3_000]);
    const slow = watchOf(new Map([[0, 5n]]), new Map([[0, 7n]]));
    expect(await slow.turns(3, (turn) => turn * 3)).toEqual([]);
  });

  it('begins anew with a new consumer', async () => {
    const { watch, turns } = watchOf(new Map([[0, 5n]]), new Map([[0, 7n]]));
    await turns(5);
    watch.reset();
    expect(await turns(5)).toEqual([]);
    expect(await turns(1)).toHaveLength(1);
  });

  it('looks no more for a partition that it is not told of any more, because it is refused', async () => {
    const positions = new Map([
      [0, 5n],
      [1, 9n],
    ]);
    const { looks, turns } = watchOf(positions, new Map([[0, 7n]]));
    await turns(6);
    expect(looks).toEqual([5_000, 6_000]);
    positions.delete(0);
    expect([await turns(5), looks.slice(2)]).toEqual([[], [11_000]]);
    positions.set(0, 5n);
    expect([await turns(9), looks.slice(3)]).toEqual([[], []]);
  });
});
