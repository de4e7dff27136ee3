/// <reference types="./kafkajs-internals.d.ts" />
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const patched = Symbol.for('@tidemark/kafka/timer-patch');

/**
 * Stops kafkajs from re-arming a timer of about one millisecond on every connection for ever, which costs an idle client about 3 % of a core.
 * The timer is only of use while requests wait in the queue. Idempotent; call it before the first client is made.
 */
export function patchIdleTimer(): void {
  const prototype = RequestQueue.prototype as RequestQueue & { [patched]?: true };
  if (prototype[patched] === true) return;
  prototype[patched] = true;
  const schedule = Object.getOwnPropertyDescriptor(prototype, 'scheduleCheckPendingRequests')?.value as (
    this: RequestQueue,
  ) => void;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}
