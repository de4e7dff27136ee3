import { expect, it } from '@jest/globals';
import { ShardPaces } from './shard-paces.js';

it('remembers the pace of a shard, of the thousand that were asked for last', () => {
  let made = 0;
  const paces = new ShardPaces(() => (made += 1));
  expect([paces.of('kept'), paces.of('forgotten'), paces.of('kept')]).toEqual([1, 2, 1]);
  for (let shard = 0; shard < 999; shard += 1) paces.of(`other ${shard}`);
  expect([paces.of('kept'), made]).toEqual([1, 1_001]);
  expect(paces.of('forgotten')).toBe(1_002);
});
