import { describe, expect, it } from '@jest/globals';
import { syncPollMs } from '@tidemark/local-stack';
import { curves } from '../curves/index.js';
import { benchRows, rowNamed } from './index.js';

describe('rows', () => {
  it('have names of their own, curves too', () => {
    const names = [...benchRows, ...curves].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9-]+$/);
  });

  it('have a rival where their goal compares', () => {
    const alone = benchRows.filter(({ goal, rival }) => goal.compared !== 'figure' && rival === undefined);
    expect(alone).toEqual([]);
  });

  it('say why a rival may be ahead', () => {
    const silent = benchRows.filter(({ rival, whyBehind }) => rival !== undefined && whyBehind === undefined);
    expect(silent).toEqual([]);
  });

  it('bound the way by the change log by the interval at which the stack beside them reads', () => {
    expect(rowNamed('put-visible-cdc-p99')?.goal.bound).toBe(syncPollMs + 100);
  });

  it('are found by name', () => {
    expect(rowNamed('stampede-one-key')).toBe(benchRows.find(({ name }) => name === 'stampede-one-key'));
    expect(rowNamed('other')).toBeUndefined();
  });
});
