import {
  Generation,
  GroupPlaces,
  groupMetrics,
  type KafkaClient,
  type Lane,
  LaneWork,
} from '@tidemark/kafka/internals';
import {
  type EventSource,
  type EventSourceHandler,
  type Rewind,
  type RewindOutcome,
  type TopicPartition,
} from '@tidemark/pipeline';
import { type Logger, MetricRegistry, silentLogger, TidemarkError, wait } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { LaneReader } from './lane-reader.js';
import { simClient } from './sim-client.js';
import { type GroupAssignment, type SimGroup } from './sim-group.js';
import { type SimKafka } from './sim-kafka.js';

export interface SimEventSourceOptions {
  readonly kafka: SimKafka;
  readonly group: SimGroup;
  readonly link: Link;
  /** Most records of a batch. */
  readonly batchMax: number;
  readonly onGap: (place: TopicPartition) => void;
  /** The handler threw; it gets the same batch again. */
  readonly onHandlerError: (error: unknown) => void;
  /** A partition goes back, from where it stood. */
  readonly onRewound?: (place: TopicPartition, from: number, to: number) => void;
}

/** What a join gave. */
interface Membership {
  readonly member: string;
  readonly assignment: GroupAssignment;
  readonly generation: Generation;
  readonly reader: LaneReader;
  /** Resolves when nothing is read any more, and nothing is at work. */
  readonly ended: Promise<void>;
}

const callTimeoutMs = 2_000;
/** A join is answered when the others have joined, too. */
const joinTimeoutMs = 12_000;
const heartbeatMs = 1_000;
const retryMs = 300;
/** Batches in hand have so long to end when the member leaves by itself, ms. */
const drainMs = 5_000;
/** And so long before it joins again, half of the time that the group waits for it, ms. */
const letGoMs = 4_000;

/**
 * A dispatcher's membership in its group, around the lanes of the shipped one: join, read, and join again when the group is in motion, once what is at
 * work has ended and is committed; what takes too long is aborted, and may still be on its way.
 */
export class SimEventSource implements EventSource {
  readonly #options: SimEventSourceOptions;
  readonly #client: KafkaClient;
  readonly #metrics = groupMetrics(new MetricRegistry());
  #handler: EventSourceHandler | undefined;
  #topics: readonly string[] = [];
  #members = 0;
  #running: Promise<void> | undefined;
  /** Ends the present membership. */
  #leaving = new AbortController();
  #membership: Membership | undefined;
  #joinedOnce: () => void = () => undefined;
  #stopped = false;
  /** A topic is not there: the member ends, and another one begins. */
  #isGone = false;

  constructor(options: SimEventSourceOptions) {
    const { kafka, link, group } = options;
    this.#options = options;
    this.#client = simClient(kafka, link, group);
  }

  async start(handler: EventSourceHandler): Promise<void> {
    this.#handler = handler;
    if (this.#topics.length > 0) await this.#enter();
  }

  async subscribe(topics: readonly string[]): Promise<void> {
    if (topics.join() === this.#topics.join()) return;
    this.#topics = topics;
    if (this.#handler === undefined) return;
    await this.#leave();
    if (topics.length > 0 && !this.#stopped) await this.#enter();
  }

  async confirm(signal: AbortSignal): Promise<boolean> {
    const { group, link } = this.#options;
    while (!signal.aborted) {
      const membership = this.#membership;
      if (membership === undefined || membership.generation.closing.aborted) return false;
      const { member, assignment } = membership;
      try {
        return (await this.#call('confirm', () => group.heartbeat(member, assignment.generation))) === 'ok';
      } catch {
        await wait(link.process.clock, retryMs, signal);
      }
    }
    return false;
  }

  release(places: readonly TopicPartition[]): void {
    this.#membership?.reader.release(places);
  }

  async rewind(place: TopicPartition, rewind: Rewind, signal = new AbortController().signal): Promise<RewindOutcome> {
    return this.#membership?.reader.rewind(place, rewind, signal) ?? 'gone';
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#leave();
  }

  async #enter(): Promise<void> {
    this.#leaving = new AbortController();
    const joined = new Promise<void>((resolve) => (this.#joinedOnce = resolve));
    this.#running = this.#run(this.#leaving.signal);
    await Promise.race([joined, this.#running]);
  }

  async #leave(): Promise<void> {
    this.#leaving.abort();
    this.#membership?.generation.close(new Error('the member leaves'));
    await this.#running;
    this.#running = undefined;
  }

  async #run(leaving: AbortSignal): Promise<void> {
    const { link, group } = this.#options;
    while (!leaving.aborted) {
      const member = `${link.process.name}/${(this.#members += 1)}`;
      try {
        await this.#live(member, leaving);
      } catch {
        await wait(link.process.clock, retryMs, leaving);
      }
      await this.#end(leaving);
      const isGone = this.#isGone;
      this.#isGone = false;
      if (leaving.aborted || isGone)
        await this.#call('leave the group', () => group.leave(member)).catch(() => undefined);
    }
  }

  /** Who leaves by himself lets what is in hand end, for a while. */
  async #end(leaving: AbortSignal): Promise<void> {
    const membership = this.#membership;
    if (membership === undefined) return;
    const { generation, ended } = membership;
    if (leaving.aborted) await Promise.race([ended, wait(this.#options.link.process.clock, drainMs)]);
    generation.abort(new Error('the membership is over'));
    await ended;
    this.#membership = undefined;
  }

  /** One member's life, until it leaves or the group does not know it any more; a rejoin keeps the member. */
  async #live(member: string, leaving: AbortSignal): Promise<void> {
    const { group } = this.#options;
    const places = this.#newPlaces();
    try {
      for (let joins = 1; ; joins += 1) {
        const topics = this.#topics;
        const assignment = await this.#call('join the group', () => group.join(member, topics), joinTimeoutMs, leaving);
        if (leaving.aborted) return;
        // Whom the group has given up comes back under another name.
        const memberId = assignment.isNew ? `${member}.${joins}` : this.#membership?.generation.memberId;
        const membership = this.#begin(member, memberId ?? member, assignment, places);
        this.#joinedOnce();
        const outcome = await this.#beat(membership, leaving);
        if (outcome === 'leaving') return;
        if (outcome === 'rejoin') await this.#letGo(membership, leaving);
        if (leaving.aborted) return;
        membership.generation.abort(new Error('the group rebalances'));
        await membership.ended;
      }
    } finally {
      void places.close();
    }
  }

  #begin(member: string, memberId: string, assignment: GroupAssignment, places: GroupPlaces): Membership {
    const partitions = new Map<string, number[]>();
    for (const { topic, partition } of assignment.partitions)
      partitions.set(topic, [...(partitions.get(topic) ?? []), partition]);
    const generation = new Generation(Object.fromEntries(partitions), memberId);
    const [client, work] = [this.#client, this.#newWork()];
    const reader = new LaneReader({ ...this.#options, client, member, assignment, generation, places, work });
    const previous = this.#membership?.generation;
    const ended = reader.run(previous, () => this.#handler?.onAssigned(assignment.partitions));
    this.#membership = { member, assignment, generation, reader, ended };
    return this.#membership;
  }

  #newPlaces(): GroupPlaces {
    const { clock, random } = this.#options.link.process;
    return new GroupPlaces({
      ...{ client: this.#client, clock, again: silentLogger, random: () => random.next() },
      generation: () => this.#membership?.generation,
      onOtherLog: (lane: Lane) => this.#membership?.reader.beginAnew(lane),
      onGone: () => {
        this.#isGone = true;
        this.#membership?.generation.abort(new Error('a topic is gone'));
      },
    });
  }

  #newWork(): LaneWork {
    const { link, onGap, onHandlerError } = this.#options;
    const { clock, random } = link.process;
    const logger: Logger = {
      ...silentLogger,
      error: ({ topic, partition }) => onGap({ topic: String(topic), partition: Number(partition) }),
    };
    const again = { warn: () => undefined, error: ({ error }: { readonly error?: unknown }) => onHandlerError(error) };
    return new LaneWork({
      ...{ clock, logger, again, metrics: this.#metrics, random: () => random.next() },
      handler: {
        onAssigned: async () => undefined,
        onBatch: async (batch, signal, closing) => (await this.#handler?.onBatch(batch, signal, closing)) ?? 'hold',
      },
    });
  }

  /** What is at work ends and is committed, while the group can still wait for it; who is no member any more has nothing to wait for. */
  async #letGo({ member, assignment, generation, ended }: Membership, leaving: AbortSignal): Promise<void> {
    const { link, group } = this.#options;
    const { clock } = link.process;
    generation.close(new Error('the group rebalances'));
    const over = new AbortController();
    const end = (): void => over.abort();
    void ended.then(end);
    leaving.addEventListener('abort', end, { once: true });
    const cancel = clock.setTimer(end, letGoMs);
    while (!over.signal.aborted) {
      const beat = this.#call('heartbeat', () => group.heartbeat(member, assignment.generation));
      void beat.then(
        (said) => said === 'unknown' && end(),
        () => undefined,
      );
      await wait(clock, heartbeatMs / 2, over.signal);
    }
    cancel();
    leaving.removeEventListener('abort', end);
  }

  /** Heartbeats until the group is in motion. Rejects when the brokers have not answered for long. */
  async #beat({ member, assignment }: Membership, leaving: AbortSignal): Promise<'rejoin' | 'unknown' | 'leaving'> {
    const { group, link } = this.#options;
    for (let failures = 0; ;) {
      await wait(link.process.clock, heartbeatMs, leaving);
      if (leaving.aborted) return 'leaving';
      if (this.#isGone) throw new Error('a topic is gone');
      try {
        const said = await this.#call('heartbeat', () => group.heartbeat(member, assignment.generation));
        if (said !== 'ok') return said;
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures >= 3) throw error;
      }
    }
  }

  #call<T>(what: string, serve: () => T | Promise<T>, timeoutMs = callTimeoutMs, signal?: AbortSignal): Promise<T> {
    const failed = (reason: string): Error => new TidemarkError('FEED_UNAVAILABLE', reason, { retriable: true });
    return this.#options.link.call({ what, timeoutMs, signal, serve, unsent: failed, unanswered: failed });
  }
}
