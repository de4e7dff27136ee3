/// <reference types="./kafkajs-internals.d.ts" />
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const patched = Symbol.for('@tidemark/kafka/timer-patch');

/** Time between two looks at requests without an answer is a share of what they may take, within these bounds, ms. */
const lookMsMin = 100;
const lookMsMax = 500;
const looksPerTimeout = 20;

/**
 * Makes idle connections of kafkajs wake the process up no more than they must.
 *
 * Of its own, it re-arms a timer of about one millisecond on every connection for ever, which costs an idle client about 3 % of a core: that one
 * is only of use while requests wait in the queue. And each connection looks ten times a second for requests that have taken too long: here all
 * connections of a process are looked at together, twice a second with a time-out of 10 s. Idempotent; call it before the first client is made.
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
  const destroy = Object.getOwnPropertyDescriptor(prototype, 'destroy')?.value as (this: RequestQueue) => void;
  prototype.destroy = function (this: RequestQueue): void {
    leave(this);
    destroy.call(this);
  };
  prototype.scheduleRequestTimeoutCheck = function (this: RequestQueue): void {
    if (this.enforceRequestTimeout) join(this);
  };
}

/** Queues that are looked at together, by the time between two looks, ms. */
const rounds = new Map<number, { readonly queues: Set<RequestQueue>; readonly timer: NodeJS.Timeout }>();

function join(queue: RequestQueue): void {
  const everyMs = Math.min(lookMsMax, Math.max(lookMsMin, queue.requestTimeout / looksPerTimeout));
  let round = rounds.get(everyMs);
  if (round === undefined) {
    const queues = new Set<RequestQueue>();
    round = { queues, timer: setInterval(() => queues.forEach(look), everyMs) };
    rounds.set(everyMs, round);
  }
  round.queues.add(queue);
}

function leave(queue: RequestQueue): void {
  for (const [everyMs, { queues, timer }] of rounds) {
    if (!queues.delete(queue) || queues.size > 0) continue;
    clearInterval(timer);
    rounds.delete(everyMs);
  }
}

/** As kafkajs does it. */
function look(queue: RequestQueue): void {
  for (const request of queue.inflight.values())
    if (Date.now() - request.sentAt > request.requestTimeout) request.timeoutRequest();
  if (!queue.isConnected()) queue.destroy();
}
