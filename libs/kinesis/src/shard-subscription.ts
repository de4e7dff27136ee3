import { Readable } from 'node:stream';
import {
  type KinesisClient,
  type StartingPosition,
  SubscribeToShardCommand,
  type SubscribeToShardEvent,
  type SubscribeToShardEventStream,
} from '@aws-sdk/client-kinesis';
import { type Clock, every, TidemarkError } from '@tidemark/runtime';
import { connectionProbe } from './connection-probe.js';
import { type Arrival, PushedMessages } from './pushed-messages.js';

export interface PushedEvent {
  readonly event: SubscribeToShardEvent;
  /** A time before which Kinesis had not yet looked for what it sent, ms since the epoch; `null`: none is known. */
  readonly provenAt: number | null;
}

/** What Kinesis pushes of one shard, for up to five minutes. */
export interface ShardSubscription {
  /** Resolves once the next event begins to arrive, to the bytes it takes, or once Kinesis has ended the stream. Rejects with what broke it. */
  arrival(): Promise<Arrival>;
  /** The next event; `undefined`: the stream has ended. Rejects with an error that Kinesis sent in its place. */
  next(): Promise<PushedEvent | undefined>;
  /** Ends the connection. */
  close(): void;
}

export interface SubscribeInput {
  readonly consumerArn: string;
  readonly shardId: string;
  readonly startingPosition: StartingPosition;
}

/** How long Kinesis may take from looking at a shard to sending what it saw, where nothing keeps it from sending, at most, ms. */
export const pushDelayMaxMs = 1_000;
/** Half of HTTP/2's initial window of a stream and of a connection: less than that is not yet given back to the sender, bytes. */
const surelyOpenBytes = 32_767;
/** How often the connection is asked for a sign of life while nothing comes, ms. */
const probeEveryMs = 500;

export interface SubscribeOptions {
  readonly clock: Clock;
  /** A connection that answers no probe for so long is given up, ms. */
  readonly unansweredMaxMs: number;
}

/** Calls `SubscribeToShard`. Resolves with the first message of the answer; rejects with AWS's error. */
export async function subscribeToShard(
  client: KinesisClient,
  { consumerArn, shardId, startingPosition }: SubscribeInput,
  options: SubscribeOptions,
  abortSignal: AbortSignal,
): Promise<ShardSubscription> {
  const command = new SubscribeToShardCommand({
    ConsumerARN: consumerArn,
    ShardId: shardId,
    StartingPosition: startingPosition,
  });
  let opened: { readonly messages: PushedMessages; readonly probe: () => Promise<void> } | undefined;
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { readonly statusCode?: unknown; body?: unknown };
      const { statusCode, body } = response;
      if (statusCode !== 200 || !(body instanceof Readable)) return result;
      opened = { messages: new PushedMessages(body), probe: connectionProbe(body) };
      response.body = opened.messages;
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'pushedMessages' },
  );
  try {
    const { EventStream } = await client.send(command, { abortSignal });
    // Who asked has given up: nobody would close it.
    abortSignal.throwIfAborted();
    if (opened === undefined || EventStream === undefined) throw new Error('an answer without a stream of events');
    return new HttpSubscription(opened.messages, EventStream, opened.probe, options);
  } catch (error) {
    opened?.messages.close();
    throw error;
  }
}

/**
 * A subscription over one connection. While it waits, it probes the connection: what begins to arrive after the answer to a probe left the other end
 * after that probe was sent, whatever stood still in between. That holds for what was looked up then only where nothing waited to be sent at the other end. So a
 * probe counts only as `pushDelayMaxMs` earlier than it was sent; once the socket's buffers have not been full for as long; and while less has come than the
 * window of the connection surely leaves room for, since it was last quiet for the time of a whole probe: over a long way it is the window that holds events back.
 *
 * A connection whose other end has vanished without a word looks like a shard to which nothing is written; only that no probe is answered any more tells the two
 * apart. What is counted are probes, not time: a process that stood still has sent none, and reads the answers to the last ones before it sends the next.
 */
export class HttpSubscription implements ShardSubscription {
  readonly #messages: PushedMessages;
  readonly #events: AsyncIterator<SubscribeToShardEventStream, unknown>;
  readonly #probe: () => Promise<void>;
  readonly #options: SubscribeOptions;
  #heldBackMs = -Infinity;
  #eventsRead = 0;
  /** Probes since the last one that was answered. */
  #unanswered = 0;
  /** What had arrived when a probe was sent, monotonic ms. */
  #sample = { bytes: 0, atMs: -Infinity };
  /** What had arrived when the other end was last known to be free to send `surelyOpenBytes`. */
  #openedAtBytes = 0;
  #arriving: Promise<Arrival> | undefined;

  constructor(
    messages: PushedMessages,
    events: AsyncIterable<SubscribeToShardEventStream>,
    probe: () => Promise<void>,
    options: SubscribeOptions,
  ) {
    this.#messages = messages;
    this.#events = events[Symbol.asyncIterator]();
    this.#probe = probe;
    this.#options = options;
  }

  async arrival(): Promise<Arrival> {
    // The client reads the first message ahead, to see whether it answers the request.
    if (this.#messages.events > this.#eventsRead) return { bytes: this.#messages.lastBytes };
    this.#arriving ??= this.#whileAlive(() => this.#messages.arrival()).finally(() => (this.#arriving = undefined));
    return this.#arriving;
  }

  async next(): Promise<PushedEvent | undefined> {
    for (;;) {
      const result = await this.#whileAlive(() => this.#events.next());
      this.#eventsRead = this.#messages.events;
      if (result.done === true) return undefined;
      const { SubscribeToShardEvent: event } = result.value;
      if (event !== undefined) return { event, provenAt: this.#messages.provenAt };
    }
  }

  close(): void {
    this.#messages.close();
  }

  /** What `wait` resolves to; rejects with `TIMEOUT` once the connection has not answered for too long. */
  async #whileAlive<T>(wait: () => Promise<T>): Promise<T> {
    const { clock, unansweredMaxMs } = this.#options;
    const unansweredMax = Math.ceil(unansweredMaxMs / probeEveryMs);
    this.#unanswered = 0;
    void this.#mark();
    let stop: () => void = () => undefined;
    const dead = new Promise<never>((_, reject) => {
      stop = every(clock, probeEveryMs, () => {
        if (this.#unanswered >= unansweredMax) reject(unanswered(unansweredMaxMs));
        else void this.#mark();
      });
    });
    try {
      return await Promise.race([wait(), dead]);
    } finally {
      stop();
    }
  }

  async #mark(): Promise<void> {
    const { clock } = this.#options;
    const [at, sentMs, arrivedBytes] = [clock.now(), clock.monotonicMs(), this.#messages.arrivedBytes];
    const before = sentMs - this.#sample.atMs >= probeEveryMs / 2 ? this.#sample : undefined;
    if (before !== undefined) this.#sample = { bytes: arrivedBytes, atMs: sentMs };
    this.#unanswered += 1;
    try {
      await this.#probe();
    } catch {
      // The stream fails with the connection, and says so.
      return;
    }
    this.#unanswered = 0;
    if (this.#messages.takeWasFull()) this.#heldBackMs = clock.monotonicMs();
    const isQuiet = arrivedBytes === before?.bytes && this.#messages.arrivedBytes === arrivedBytes;
    if (isQuiet) this.#openedAtBytes = arrivedBytes;
    if (this.#messages.arrivedBytes - this.#openedAtBytes > surelyOpenBytes) return;
    if (sentMs - this.#heldBackMs >= pushDelayMaxMs) this.#messages.mark(at - pushDelayMaxMs);
  }
}

function unanswered(forMs: number): TidemarkError {
  const message = `the connection over which a shard is pushed has not answered for ${forMs / 1_000} s`;
  return new TidemarkError('TIMEOUT', message, { retriable: true, context: { forMs } });
}
