/// <reference types="./kafkajs-internals.d.ts" />
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import { patchIdleTimer } from './timer-patch.js';

describe('patchIdleTimer', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('arms a timer only while requests wait', () => {
    patchIdleTimer();
    patchIdleTimer();
    const queue = new RequestQueue({ maxInFlightRequests: null, clientId: 'c', broker: 'b' });
    queue.scheduleCheckPendingRequests();
    expect(queue.throttleCheckTimeoutId).toBeNull();
    queue.pending.push({});
    queue.scheduleCheckPendingRequests();
    expect(queue.throttleCheckTimeoutId).not.toBeNull();
    queue.destroy();
  });

  it('looks at the requests of all connections together, and ends those that take too long', () => {
    patchIdleTimer();
    jest.useFakeTimers();
    const queues = [connected(), connected()];
    const before = jest.getTimerCount();
    for (const { queue } of queues) queue.scheduleRequestTimeoutCheck();
    expect(jest.getTimerCount()).toBe(before + 1);
    const timedOut: number[] = [];
    for (const [index, { queue }] of queues.entries())
      queue.inflight.set(1, {
        sentAt: Date.now(),
        requestTimeout: 10_000 * (index + 1),
        timeoutRequest: () => {
          timedOut.push(index);
          queue.inflight.clear();
        },
      });
    jest.advanceTimersByTime(10_000);
    expect(timedOut).toEqual([]);
    jest.advanceTimersByTime(501);
    expect(timedOut).toEqual([0]);
    jest.advanceTimersByTime(10_000);
    expect(timedOut).toEqual([0, 1]);
    for (const { queue } of queues) queue.destroy();
    expect(jest.getTimerCount()).toBe(before);
  });

  it('looks no more at a connection that is gone', () => {
    patchIdleTimer();
    jest.useFakeTimers();
    const before = jest.getTimerCount();
    const { queue, lose } = connected();
    queue.scheduleRequestTimeoutCheck();
    lose();
    jest.advanceTimersByTime(500);
    expect(jest.getTimerCount()).toBe(before);
  });

  function connected(): { queue: RequestQueue; lose: () => void } {
    let isConnected = true;
    const queue = new RequestQueue({
      ...{ maxInFlightRequests: null, clientId: 'c', broker: 'b', requestTimeout: 10_000, enforceRequestTimeout: true },
      isConnected: () => isConnected,
    });
    return { queue, lose: () => (isConnected = false) };
  }
});
