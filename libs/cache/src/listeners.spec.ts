import { describe, expect, it } from '@jest/globals';
import { Listeners } from './listeners.js';

describe('listeners', () => {
  it('are told in turn until they are taken away; one that throws harms nobody', () => {
    const thrown: unknown[] = [];
    const told: string[] = [];
    const listeners = new Listeners<{ change: string }>((event, error) => thrown.push([event, error]));
    const failure = new Error('mine');
    const away = listeners.add('change', (text) => told.push(`a ${text}`));
    listeners.add('change', () => {
      throw failure;
    });
    listeners.add('change', (text) => told.push(`b ${text}`));
    listeners.emit('change', '1');
    away();
    listeners.emit('change', '2');
    expect(told).toEqual(['a 1', 'b 1', 'b 2']);
    expect(thrown).toEqual([
      ['change', failure],
      ['change', failure],
    ]);
    listeners.clear();
    expect(listeners.has('change')).toBe(false);
  });

  it('that come while an event is told hear of the next one, so that one may replace itself', () => {
    const listeners = new Listeners<{ change: number }>(() => undefined);
    const told: number[] = [];
    let away: () => void = () => undefined;
    const replaceItself = (payload: number): void => {
      told.push(payload);
      if (told.length > 10) throw new Error('told without end');
      away();
      away = listeners.add('change', replaceItself);
    };
    away = listeners.add('change', replaceItself);
    listeners.emit('change', 1);
    listeners.emit('change', 2);
    expect(told).toEqual([1, 2]);
  });

  it('that are taken away while an event is told hear nothing more', () => {
    const listeners = new Listeners<{ change: number }>(() => undefined);
    const told: string[] = [];
    let awayWithB: () => void = () => undefined;
    listeners.add('change', () => {
      told.push('a');
      awayWithB();
    });
    awayWithB = listeners.add('change', () => told.push('b'));
    listeners.emit('change', 1);
    listeners.add('change', () => listeners.clear());
    listeners.add('change', () => told.push('c'));
    listeners.emit('change', 2);
    expect(told).toEqual(['a', 'a']);
  });

  it('that are one function, added twice, are told twice and taken away one by one', () => {
    const listeners = new Listeners<{ change: number }>(() => undefined);
    let calls = 0;
    const count = (): void => void (calls += 1);
    const away = listeners.add('change', count);
    listeners.add('change', count);
    listeners.emit('change', 1);
    away();
    away();
    listeners.emit('change', 2);
    expect(calls).toBe(3);
  });
});
