import { describe, expect, it } from '@jest/globals';
import { MetricRegistry } from '@tidemark/runtime';
import { Lags } from './lags.js';

function lagsOf() {
  const registry = new MetricRegistry();
  const gauge = (topic: string) => registry.gauge('lag', 'Lag.', { topic });
  return { lags: new Lags(gauge), read: (topic: string) => gauge(topic).value };
}

describe('Lags', () => {
  it('adds up the partitions of a topic', () => {
    const { lags, read } = lagsOf();
    lags.set('a', 0, 5n);
    lags.set('a', 1, 7n);
    lags.set('b', 0, 1n);
    lags.set('a', 0, 2n);
    expect([read('a'), read('b')]).toEqual([9, 1]);
  });

  it('does not read 0, nor anything else, while the brokers do not answer', () => {
    const { lags, read } = lagsOf();
    lags.set('a', 0, 5n);
    lags.know(false);
    expect(read('a')).toBeNaN();
    lags.set('a', 1, 1n);
    expect(read('a')).toBeNaN();
    lags.know(true);
    expect(read('a')).toBe(6);
  });

  it('leaves out partitions that others read now', () => {
    const { lags, read } = lagsOf();
    lags.set('a', 0, 5n);
    lags.set('a', 1, 7n);
    lags.set('b', 0, 3n);
    lags.keep([
      { topic: 'a', partition: 1 },
      { topic: 'c', partition: 0 },
    ]);
    expect([read('a'), read('b'), read('c')]).toEqual([7, 0, 0]);
    lags.forget('a');
    expect(read('a')).toBe(0);
  });
});
