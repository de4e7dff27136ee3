import { backoffMs, type Clock, isTidemarkError, messageOf, wait } from '@tidemark/runtime';

import { type DispatchMetrics } from './dispatch-metrics.js';
import { type DispatchPartition } from './dispatch-partition.js';
import {
  type Chunk,
  chunksOf,
  type DispatchTarget,
  highestOf,
  outgoing,
  smallerChunks,
  type TablePlan,
} from './dispatch-plan.js';
import { type EventSink, type SourceBatch } from './ports.js';

/** What dispatching needs of the dispatcher around it. */
export interface DispatchContext {
  readonly clock: Clock;
  readonly sink: EventSink;
  readonly metrics: DispatchMetrics;
  readonly random: () => number;
  readonly chunkRecordsMax: number;
  readonly publishAttemptsMax: number;
  readonly retryMaxMs: number;
  /** The table's plan under its route of this moment. */
  readonly plan: (table: string, signal: AbortSignal) => Promise<TablePlan>;
  /** A target under the route of this moment; `undefined`: it is none. */
  readonly target: (table: string, topic: string) => DispatchTarget | undefined;
  /** A target turned out to be missing. */
  readonly onBrokenTopic: (topic: string, problem: string) => void;
}

export type DispatchOutcome =
  | { readonly type: 'commit' }
  /** What stands before `commitTo` is done, and the partition is to be let go. */
  | { readonly type: 'part'; readonly commitTo: bigint }
  | { readonly type: 'hold'; readonly why: 'unrouted' | 'blocked' | 'unpublished' | 'ended'; readonly reason: string };

/** `signal`: the partition is gone. `closing`: it is to be let go at the next place that suits. */
export interface DispatchSignals {
  readonly signal: AbortSignal;
  readonly closing?: AbortSignal | undefined;
}

/**
 * A table's events → its cache topics, bytes untouched, same partition. A batch is done when every target has acknowledged all of it;
 * anything less leaves it uncommitted, and whoever gets it next sends it again: pods bear repetitions.
 */
export async function dispatchTable(
  batch: SourceBatch,
  owned: DispatchPartition,
  context: DispatchContext,
  signals: DispatchSignals,
): Promise<DispatchOutcome> {
  let sent: number | undefined;
  for (const chunk of chunksOf(owned.table, batch, context.chunkRecordsMax)) {
    if (signals.closing?.aborted === true && sent !== undefined) return { type: 'part', commitTo: BigInt(sent) + 1n };
    const outcome = await dispatchChunk(chunk, owned, context, signals);
    if (outcome.type === 'hold') return outcome;
    sent = chunk.records.at(-1)?.src ?? sent;
    owned.pass(highestOf(chunk, context.clock.now()));
    context.metrics.dispatched(owned.table, chunk.records.length);
  }
  return done;
}

/** The route is looked at anew before each chunk, and again when it has lost all the targets that it had. */
async function dispatchChunk(
  chunk: Chunk,
  owned: DispatchPartition,
  context: DispatchContext,
  signals: DispatchSignals,
): Promise<typeof done | Hold> {
  const { signal } = signals;
  for (;;) {
    const plan = await context.plan(owned.table, signal);
    if (owned.revoked || signal.aborted) return ended;
    if (plan.type === 'unrouted')
      return { type: 'hold', why: 'unrouted', reason: 'the table has no route, or is paused' };
    if (plan.type === 'blocked') return { type: 'hold', why: 'blocked', reason: plan.reason };

    const deliveries = await Promise.all(
      plan.targets.map(({ topic }) => deliver(chunk, topic, owned, context, signals)),
    );

    const failed = deliveries.find((delivery) => typeof delivery !== 'string');
    if (failed !== undefined) return failed;
    if (deliveries.includes('acknowledged')) return done;
  }
}

const done = { type: 'commit' } as const;
const ended: Hold = { type: 'hold', why: 'ended', reason: 'the assignment ended' };

type Hold = Extract<DispatchOutcome, { type: 'hold' }>;
type Delivery = 'acknowledged' | 'no target any more' | Hold;

/**
 * Sends a chunk to one target until it is acknowledged, behind an announcement of `since` where the target has not seen it. What a topic takes no
 * record of its size of must not hold up what is behind it: it is cut, down to a key.
 */
async function deliver(
  chunk: Chunk,
  topic: string,
  owned: DispatchPartition,
  context: DispatchContext,
  signals: DispatchSignals,
): Promise<Delivery> {
  const { signal, closing } = signals;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await owned.exclusively(topic, () => send(chunk, topic, owned, context, signal));
    } catch (error) {
      const smaller = isRefused(error) && !signal.aborted ? smallerChunks(owned.table, chunk) : undefined;
      if (smaller !== undefined) return await deliverEach(smaller, chunk, topic, owned, context, signals);
      if (!signal.aborted) {
        const hold = whyToHold(error, topic, attempt, context);
        if (hold !== undefined) return hold;
      }
    }
    const { clock, retryMaxMs, random } = context;
    await wait(clock, backoffMs(attempt, { initialMs: 100, maxMs: retryMaxMs, random }), closing ?? signal);
    if (isOver(signals, owned)) return ended;
  }
}

function isOver({ signal, closing }: DispatchSignals, owned: DispatchPartition): boolean {
  return signal.aborted || closing?.aborted === true || owned.revoked;
}

async function deliverEach(
  pieces: readonly Chunk[],
  whole: Chunk,
  topic: string,
  owned: DispatchPartition,
  context: DispatchContext,
  signals: DispatchSignals,
): Promise<Delivery> {
  context.metrics.publishFailures.value += 1;
  if (whole.records.length === 1) context.metrics.valuesLeftOut.value += 1;
  for (const piece of pieces) {
    const delivery = await deliver(piece, topic, owned, context, signals);
    if (delivery !== 'acknowledged') return delivery;
  }
  return 'acknowledged';
}

async function send(
  chunk: Chunk,
  topic: string,
  owned: DispatchPartition,
  { sink, clock, target: targetOf }: DispatchContext,
  signal: AbortSignal,
): Promise<Delivery> {
  const { table, partition } = owned;
  const target = targetOf(table, topic);
  if (target === undefined) return 'no target any more';
  const { since } = target;
  const records = outgoing(table, partition, chunk, since, target.buckets);
  const announcement = owned.takeAnnouncement(topic, since);
  if (announcement !== undefined) records.unshift({ partition, record: announcement });
  if (records.length === 0) return 'acknowledged';
  try {
    await sink.send(topic, records, signal);
  } catch (error) {
    if (announcement !== undefined) owned.announceSoon(topic);
    throw error;
  }
  owned.announced(topic, since);
  if (chunk.watermarks.size > 0) owned.passedInto(topic, clock.monotonicMs());
  return 'acknowledged';
}

/** The topic will not take it, however often it is sent. */
function isRefused(error: unknown): boolean {
  return isTidemarkError(error, 'PUBLISH_FAILED') && !error.retriable;
}

function whyToHold(
  error: unknown,
  topic: string,
  attempt: number,
  { metrics, publishAttemptsMax, onBrokenTopic }: DispatchContext,
): Hold | undefined {
  const reason = `${topic}: ${messageOf(error)}`;
  metrics.publishFailures.value += 1;
  if (isTidemarkError(error, 'TOPIC_MISSING') || isTidemarkError(error, 'PARTITION_MISMATCH')) {
    onBrokenTopic(topic, messageOf(error));
    return { type: 'hold', why: 'unpublished', reason };
  }
  const hopeless = isTidemarkError(error) && !error.retriable;
  // Others fill the queue: that says nothing of this topic.
  const isLast = attempt >= publishAttemptsMax && !isTidemarkError(error, 'QUEUE_FULL');
  return hopeless || isLast ? { type: 'hold', why: 'unpublished', reason } : undefined;
}
