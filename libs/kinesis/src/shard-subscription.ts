import { Readable } from 'node:stream';
import {
  type KinesisClient,
  type StartingPosition,
  SubscribeToShardCommand,
  type SubscribeToShardEvent,
  type SubscribeToShardEventStream,
} from '@aws-sdk/client-kinesis';
import { type Clock, every } from '@tidemark/runtime';
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
/** How often the connection is asked for a sign of life while nothing comes, ms. */
const probeEveryMs = 500;

/** Calls `SubscribeToShard`. Resolves with the first message of the answer; rejects with AWS's error. */
export async function subscribeToShard(
  client: KinesisClient,
  { consumerArn, shardId, startingPosition }: SubscribeInput,
  clock: Clock,
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
    return new HttpSubscription(opened.messages, EventStream, opened.probe, clock);
  } catch (error) {
    opened?.messages.close();
    throw error;
  }
}

/**
 * A subscription over one connection. While it waits, it probes the connection: what begins to arrive after the answer to a probe left the other end
 * after that probe was sent, whatever stood still in between. That holds for what was looked up then only where nothing waited to be sent at the other end,
 * so a probe counts only once the socket's buffers have not been full for `pushDelayMaxMs`, and as so much earlier.
 */
export class HttpSubscription implements ShardSubscription {
  readonly #messages: PushedMessages;
  readonly #events: AsyncIterator<SubscribeToShardEventStream, unknown>;
  readonly #probe: () => Promise<void>;
  readonly #clock: Clock;
  #heldBackMs = -Infinity;
  #eventsRead = 0;

  constructor(
    messages: PushedMessages,
    events: AsyncIterable<SubscribeToShardEventStream>,
    probe: () => Promise<void>,
    clock: Clock,
  ) {
    this.#messages = messages;
    this.#events = events[Symbol.asyncIterator]();
    this.#probe = probe;
    this.#clock = clock;
  }

  async arrival(): Promise<Arrival> {
    // The client reads the first message ahead, to see whether it answers the request.
    if (this.#messages.events > this.#eventsRead) return { bytes: this.#messages.lastBytes };
    void this.#mark();
    const stop = every(this.#clock, probeEveryMs, () => this.#mark());
    try {
      return await this.#messages.arrival();
    } finally {
      stop();
    }
  }

  async next(): Promise<PushedEvent | undefined> {
    for (;;) {
      const result = await this.#events.next();
      this.#eventsRead = this.#messages.events;
      if (result.done === true) return undefined;
      const { SubscribeToShardEvent: event } = result.value;
      if (event !== undefined) return { event, provenAt: this.#messages.provenAt };
    }
  }

  close(): void {
    this.#messages.close();
  }

  async #mark(): Promise<void> {
    const [at, sentMs] = [this.#clock.now(), this.#clock.monotonicMs()];
    try {
      await this.#probe();
    } catch {
      // The stream fails with the connection, and says so.
      return;
    }
    if (this.#messages.takeWasFull()) this.#heldBackMs = this.#clock.monotonicMs();
    if (sentMs - this.#heldBackMs >= pushDelayMaxMs) this.#messages.mark(at - pushDelayMaxMs);
  }
}
