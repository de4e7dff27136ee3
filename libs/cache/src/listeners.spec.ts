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
});
