/// <reference types="./kafkajs-internals.d.ts" />
import { describe, expect, it } from '@jest/globals';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import { patchIdleTimer } from './timer-patch.js';

describe('patchIdleTimer', () => {
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
});
