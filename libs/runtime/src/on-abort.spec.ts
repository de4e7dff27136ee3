import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { withDeadline } from './deadline.js';
import { onAbort } from './on-abort.js';
import { ManualClock } from './testing/index.js';
import { wait } from './clock.js';

describe('onAbort', () => {
  it('is one listener of a signal, however many wait for it', async () => {
    const { signal } = new AbortController();
    const clock = new ManualClock();
    const calls = Array.from({ length: 100 }, () =>
      withDeadline({ clock, timeoutMs: 50, what: 'call', signal }, () => wait(clock, 10, signal)),
    );
    expect(getEventListeners(signal, 'abort').length).toBe(1);
    await clock.advance(10);
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort').length).toBe(0);
  });

  it('calls each once, the same function for each time it was given, and none that was taken back', () => {
    const aborter = new AbortController();
    const called: string[] = [];
    const twice = (): void => void called.push('twice');
    onAbort(aborter.signal, twice);
    onAbort(aborter.signal, twice);
    const takeBack = onAbort(aborter.signal, () => called.push('taken back'));
    takeBack();
    takeBack();
    aborter.abort();
    aborter.abort();
    expect(called).toEqual(['twice', 'twice']);
  });

  it('lets one call take back another that was to come after it', () => {
    const aborter = new AbortController();
    const called: string[] = [];
    let takeBack = (): void => undefined;
    onAbort(aborter.signal, () => {
      called.push('first');
      takeBack();
    });
    takeBack = onAbort(aborter.signal, () => called.push('second'));
    aborter.abort();
    expect(called).toEqual(['first']);
  });

  it('does not call for a signal that is aborted already, as a listener of it', () => {
    let called = false;
    onAbort(AbortSignal.abort(), () => (called = true))();
    expect(called).toBe(false);
  });

  it('listens again after all were taken back', () => {
    const aborter = new AbortController();
    let called = 0;
    onAbort(aborter.signal, () => (called += 1))();
    onAbort(aborter.signal, () => (called += 10));
    aborter.abort();
    expect(called).toBe(10);
  });

  it('tells the others, too, when one throws, and throws that on', () => {
    const listeners: (() => void)[] = [];
    const signal = { aborted: false, addEventListener: (_type: string, fn: () => void) => listeners.push(fn) };
    const told: string[] = [];
    onAbort(signal as unknown as AbortSignal, () => {
      throw new Error('mine');
    });
    onAbort(signal as unknown as AbortSignal, () => told.push('the other'));
    expect(listeners[0]).toThrow('mine');
    expect(told).toEqual(['the other']);
  });
});
