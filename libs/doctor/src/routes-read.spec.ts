import { describe, expect, it } from '@jest/globals';
import { type Route } from '@tidemark/protocol';
import { RoutesRead } from './routes-read.js';

const route = (table: string, version: number, writerEpoch: number): Route => ({
  ...{ table, version, writerEpoch, topics: { [`to.${version}`]: version }, deleted: false },
  ...{ changedAt: 0, changedBy: 'x' },
});

describe('the routes that are read', () => {
  it('are the last of each table, sorted', () => {
    const read = new RoutesRead();
    for (const each of [route('b', 1, 1), route('a', 1, 1), route('b', 2, 1)]) read.apply(each);
    expect(read.all()).toEqual([route('a', 1, 1), route('b', 2, 1)]);
  });

  it('are none of a superseded writer, of whatever table', () => {
    const read = new RoutesRead();
    for (const each of [route('a', 1, 1), route('b', 1, 2), route('a', 2, 1), route('c', 1, 1)]) read.apply(each);
    expect(read.all()).toEqual([route('a', 1, 1), route('b', 1, 2)]);
    read.apply(route('a', 2, 2));
    expect(read.all()).toEqual([route('a', 2, 2), route('b', 1, 2)]);
  });
});
