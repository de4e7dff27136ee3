import assert from 'node:assert/strict';
import {
  type _Record as KinesisRecord,
  type StartingPosition,
  type SubscribeToShardEvent,
} from '@aws-sdk/client-kinesis';
import { type ShardCursor, type ShardPage, type ShardPosition } from '@tidemark/pipeline';
import { type Clock, isTidemarkError, TidemarkError } from '@tidemark/runtime';
import { awsErrorName, callAws } from './aws-call.js';
import { toRecord } from './kinesis-record.js';
import { type PushedEvent, type ShardSubscription } from './shard-subscription.js';
import { type SubscribePace } from './subscribe-pace.js';

export interface FanOutShardOptions {
  readonly shardId: string;
  readonly position: ShardPosition;
  readonly pace: SubscribePace;
  readonly clock: Clock;
  readonly subscribe: (startingPosition: StartingPosition, signal: AbortSignal) => Promise<ShardSubscription>;
  /** What a complete listing of the stream says of the shard. */
  readonly state: (signal: AbortSignal) => Promise<'open' | 'closed' | 'gone'>;
  /** A subscription that says nothing for so long is given up, ms. */
  readonly silenceMaxMs: number;
}

/** A shard that is subscribed to says something within this time, also when nothing is written to it, ms: KCL gives it three and a half times as long. */
const quietMs = 10_000;
/** No event is larger; those that have begun to arrive say how large they are, bytes. */
const eventBytesMax = 10 * 1_024 * 1_024;

const gone = { records: [], millisBehindLatest: 0, closed: true, gap: true } as const;

/** A subscription, and what it has told. */
interface Subscribed {
  readonly subscription: ShardSubscription;
  /** A time before it was asked for, ms since the epoch. */
  readonly askedAt: number;
  /** The latest time at which Kinesis says that it accepted a record of it, ms since the epoch. */
  acceptedAt: number;
}

/**
 * One shard that Kinesis pushes, event by event. Nothing is taken off the connection before somebody reads, so whoever does not read stops the sender. What it
 * knows is where the last event that was handed over ended: a subscription that ends, after five minutes, breaks or falls silent is made again there.
 *
 * What a page may claim: everything that Kinesis had accepted `millisBehindLatest` before it looked is in this page or one before. When it looked it does not say,
 * and an event may have lain in buffers, or on a connection that stood still, for any time. So `askedAt` is the latest time that is known to be
 * earlier: when the subscription was asked for; when a record that was pushed since was accepted; when a probe of the connection was sent whose answer
 * came before the event (`shard-subscription.ts`). A connection that stands still proves nothing, and so claims nothing.
 */
export class FanOutShard implements ShardCursor {
  readonly #options: FanOutShardOptions;
  #position: ShardPosition;
  #subscribed: Subscribed | undefined;
  #eventBytes = eventBytesMax;
  #gap = false;
  #isGone = false;
  #owedSinceMs: number | null = null;

  constructor(options: FanOutShardOptions) {
    this.#options = options;
    this.#position = options.position;
  }

  /** Of the next event, once it has begun to arrive. */
  get pageBytesMax(): number {
    return this.#eventBytes;
  }

  get askedSinceMs(): number | null {
    const owedMs = this.#owedSinceMs;
    return owedMs !== null && owedMs <= this.#options.clock.monotonicMs() ? owedMs : null;
  }

  /** Resolves once an event has begun to arrive. */
  async ready(signal: AbortSignal): Promise<void> {
    try {
      await this.#untilArrival(signal);
    } catch (error) {
      if (!isTidemarkError(error, 'ABORTED')) throw error;
    } finally {
      this.#owedSinceMs = null;
    }
  }

  async read(signal: AbortSignal): Promise<ShardPage> {
    try {
      for (;;) {
        await this.#untilArrival(signal);
        if (this.#isGone) return { ...gone, askedAt: this.#options.clock.now() };
        const pushed = await this.#receive(signal, 0, (subscription) => subscription.next());
        if (pushed !== undefined) return await this.#pageOf(pushed, signal);
        await this.#ended(signal);
      }
    } finally {
      this.#owedSinceMs = null;
    }
  }

  /** Ends the connection, if there is one. */
  close(): void {
    this.#subscribed?.subscription.close();
    this.#subscribed = undefined;
  }

  async #untilArrival(signal: AbortSignal): Promise<void> {
    while (!this.#isGone) {
      if (signal.aborted) throw new TidemarkError('ABORTED', 'reading the shard was aborted', { retriable: false });
      if (this.#subscribed === undefined) {
        await this.#subscribe(signal);
        continue;
      }
      const arrival = await this.#receive(signal, quietMs, (subscription) => subscription.arrival());
      if (arrival === 'end') {
        await this.#ended(signal);
        continue;
      }
      this.#eventBytes = arrival.bytes;
      return;
    }
  }

  async #subscribe(signal: AbortSignal): Promise<void> {
    try {
      // A consumer that this reader, or the lease's last owner, has just left is in use for some seconds more.
      await this.#subscribeOnce(signal).catch((error: unknown) => {
        if (awsErrorName(error) === 'ResourceInUseException') return this.#subscribeOnce(signal);
        throw error;
      });
    } catch (error) {
      if (awsErrorName(error) !== 'ResourceNotFoundException') throw error;
      if ((await this.#options.state(signal)) !== 'gone') throw error;
      this.#isGone = true;
    }
  }

  async #subscribeOnce(signal: AbortSignal): Promise<void> {
    try {
      await this.#subscribeAt(this.#position, signal);
    } catch (error) {
      if (this.#position.type === 'trim-horizon' || awsErrorName(error) !== 'InvalidArgumentException') throw error;
      await this.#subscribeAt({ type: 'trim-horizon' }, signal);
      this.#position = { type: 'trim-horizon' };
      this.#gap = true;
    }
  }

  async #subscribeAt(position: ShardPosition, signal: AbortSignal): Promise<void> {
    const { pace, clock, subscribe } = this.#options;
    await pace.turn(signal);
    if (signal.aborted) throw new TidemarkError('ABORTED', 'subscribing was aborted', { retriable: false });
    this.#owedSinceMs = clock.monotonicMs();
    const askedAt = clock.now();
    try {
      const subscription = await subscribe(startingPosition(position), signal);
      pace.taken();
      this.#subscribed = { subscription, askedAt, acceptedAt: -Infinity };
    } catch (error) {
      if (awsErrorName(error) === 'ResourceInUseException') pace.taken();
      throw error;
    } finally {
      this.#owedSinceMs = null;
    }
  }

  /** Waits for something of the subscription, which whatever goes wrong ends. */
  async #receive<T>(
    signal: AbortSignal,
    allowedMs: number,
    work: (subscription: ShardSubscription) => Promise<T>,
  ): Promise<T> {
    const { clock, silenceMaxMs, pace } = this.#options;
    const { subscription } = this.#subscribed ?? {};
    if (subscription === undefined) throw new TidemarkError('ABORTED', 'the shard is closed', { retriable: false });
    this.#owedSinceMs = clock.monotonicMs() + allowedMs;
    const errors = { missing: 'STREAM_MISSING', unavailable: 'STREAM_UNAVAILABLE' } as const;
    const call = { clock, timeoutMs: silenceMaxMs, what: 'kinesis.subscribeToShard', signal, ...errors };
    try {
      return await callAws(call, () => work(subscription));
    } catch (error) {
      // Who waited has gone away; the subscription is as good as before, unless a part of an event has been taken from it.
      if (isTidemarkError(error, 'ABORTED') && allowedMs > 0) throw error;
      if (awsErrorName(error) === 'ResourceInUseException') pace.taken();
      this.close();
      throw error;
    } finally {
      this.#owedSinceMs = null;
    }
  }

  /** Kinesis has ended the stream: after five minutes, or because there is no such shard. */
  async #ended(signal: AbortSignal): Promise<void> {
    this.close();
    if ((await this.#options.state(signal)) === 'gone') this.#isGone = true;
  }

  async #pageOf(pushed: PushedEvent, signal: AbortSignal): Promise<ShardPage> {
    try {
      await this.#checkEnd(pushed.event, signal);
      return this.#handOver(pushed);
    } catch (error) {
      // The event is taken off the subscription and not handed over: it is asked for again.
      this.close();
      throw error;
    }
  }

  /** An end is believed of an event that names the shard's children, or of the stream's own listing. */
  async #checkEnd(event: SubscribeToShardEvent, signal: AbortSignal): Promise<void> {
    const { shardId, state } = this.#options;
    if (!isEnd(event) || (event.ChildShards ?? []).length > 0 || (await state(signal)) !== 'open') return;
    throw new TidemarkError('STREAM_UNAVAILABLE', `an event ends ${shardId}, which the stream lists as open`, {
      retriable: true,
    });
  }

  #handOver({ event, provenAt }: PushedEvent): ShardPage {
    const { Records = [], ContinuationSequenceNumber: continuation, MillisBehindLatest = null } = event;
    const records = Records.map(toRecord);
    const askedAt = this.#lookedAfter(Records, provenAt);
    const page = { records, askedAt, millisBehindLatest: MillisBehindLatest, closed: isEnd(event), gap: this.#gap };
    this.#gap = false;
    const last = continuation === undefined || continuation === '0' ? records.at(-1)?.sequenceNumber : continuation;
    if (last !== undefined) this.#position = { type: 'after', sequenceNumber: last };
    if (page.closed) this.close();
    return page;
  }

  /** The latest time that is known to be earlier than the one at which Kinesis looked for these records. */
  #lookedAfter(records: readonly KinesisRecord[], provenAt: number | null): number {
    const subscribed = this.#subscribed;
    assert.ok(subscribed);
    for (const { ApproximateArrivalTimestamp: acceptedAt } of records)
      subscribed.acceptedAt = Math.max(subscribed.acceptedAt, acceptedAt?.getTime() ?? -Infinity);
    const latest = Math.max(subscribed.askedAt, subscribed.acceptedAt, provenAt ?? -Infinity);
    // Kinesis' clock may be ahead of ours.
    return Math.min(latest, this.#options.clock.now());
  }
}

function isEnd({ ContinuationSequenceNumber: continuation, ChildShards = [] }: SubscribeToShardEvent): boolean {
  return ChildShards.length > 0 || continuation === undefined;
}

function startingPosition(position: ShardPosition): StartingPosition {
  return position.type === 'trim-horizon'
    ? { Type: 'TRIM_HORIZON' }
    : { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: position.sequenceNumber };
}
