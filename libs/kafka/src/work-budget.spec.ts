import { describe, expect, it } from '@jest/globals';
import { WorkBudget } from './work-budget.js';

describe('WorkBudget', () => {
  it('gives a topic an eighth of all', () => {
    const budget = new WorkBudget(800);
    expect([budget.take('a', 60), budget.take('a', 40), budget.take('a', 1)]).toEqual([true, true, false]);
    expect(budget.bytes).toBe(100);
  });

  it('gives every topic one batch, however much the others hold, up to all of it', () => {
    const budget = new WorkBudget(800);
    for (const topic of ['a', 'b', 'c', 'd']) budget.take(topic, 100);
    expect([budget.take('e', 100), budget.take('e', 1)]).toEqual([true, false]);
    for (const topic of ['f', 'g', 'h']) budget.take(topic, 100);
    expect(budget.take('i', 1)).toBe(false);
  });

  it('takes a batch larger than the share of its topic where nothing else of it is at work', () => {
    const budget = new WorkBudget(800);
    expect([budget.take('a', 500), budget.take('a', 1)]).toEqual([true, false]);
  });

  it('calls who waits once there is room, in order, and as many as fit', () => {
    const budget = new WorkBudget(800);
    const called: string[] = [];
    budget.take('a', 50);
    budget.take('a', 50);
    for (const name of ['first', 'second']) budget.whenRoom('a', 40, () => void called.push(name));
    budget.give('a', 50);
    expect(called).toEqual(['first']);
    budget.give('a', 50);
    expect(called).toEqual(['first', 'second']);
  });

  it('does not call who has taken it back', () => {
    const budget = new WorkBudget(80);
    budget.take('a', 10);
    const cancel = budget.whenRoom('a', 10, () => {
      throw new Error('called');
    });
    cancel();
    budget.give('a', 10);
    expect(budget.bytes).toBe(0);
  });
});
