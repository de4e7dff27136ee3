import {
  type BatchOutcome,
  type EventSource,
  type EventSourceHandler,
  type Rewind,
  type RewindOutcome,
  type SourceBatch,
  type TopicPartition,
} from '@tidemark/pipeline';
import { type RewindNote, rewound } from '@tidemark/protocol';
import { TidemarkError, wait } from '@tidemark/runtime';
import { epochMs } from '../time/sim-process.js';
import { type Link } from '../network/link.js';
import { type FetchedBatch, park } from './log-session.js';
import { type GroupAssignment, type SimGroup } from './sim-group.js';
import { type SimKafka } from './sim-kafka.js';
import { type SimCommitted, SimLane } from './sim-lane.js';

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

interface Generation {
  readonly member: string;
  readonly assignment: GroupAssignment;
  /** Aborted once nothing new may begin: what is at work ends at the next place that suits it. */
  readonly closer: AbortController;
  /** Aborted once everything must end. */
  readonly aborter: AbortController;
  /** Whatever must have ended before the member joins again. */
  readonly work: Promise<unknown>[];
  /** By the name of the partition. */
  readonly lanes: ReadonlyMap<string, SimLane>;
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
 * A dispatcher's membership in its group: join, hand over batches in order, commit, and join again when the group is in motion, once what is at work has
 * ended and is committed; what takes too long is aborted, and may still be on its way.
 */
export class SimEventSource implements EventSource {
  readonly #options: SimEventSourceOptions;
  #handler: EventSourceHandler | undefined;
  #topics: readonly string[] = [];
  #members = 0;
  #running: Promise<void> | undefined;
  /** Ends the present membership. */
  #leaving = new AbortController();
  #generation: Generation | undefined;
  #joinedOnce: () => void = () => undefined;
  #stopped = false;

  constructor(options: SimEventSourceOptions) {
    this.#options = options;
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
      const generation = this.#generation;
      if (generation === undefined || generation.closer.signal.aborted) return false;
      const { member, assignment } = generation;
      try {
        return (await this.#call('confirm', () => group.heartbeat(member, assignment.generation))) === 'ok';
      } catch {
        await wait(link.process.clock, retryMs, signal);
      }
    }
    return false;
  }

  release(places: readonly TopicPartition[]): void {
    for (const place of places) this.#generation?.lanes.get(nameOf(place))?.release();
  }

  /** One commit of offset and note, between two batches, attempted once: a lost answer leaves the lane where it was, though it may have taken place. */
  async rewind(place: TopicPartition, { id, to }: Rewind): Promise<RewindOutcome> {
    const { kafka, onRewound } = this.#options;
    const generation = this.#generation;
    const lane = generation?.lanes.get(nameOf(place));
    if (generation === undefined || lane === undefined) return 'gone';
    await lane.ready;
    if (generation.closer.signal.aborted) return 'gone';
    if (lane.hasDone(id)) return 'done';
    const start = await this.#call(`find where to rewind ${nameOf(place)}`, () => {
      const log = kafka.log(place.topic, place.partition);
      const offset = log.firstSince(to - epochMs);
      return { offset: BigInt(offset), lost: log.start > 0 && offset <= log.start };
    });
    const turn = lane.turn(async (): Promise<RewindOutcome> => {
      if (generation.closer.signal.aborted) return 'gone';
      if (lane.hasDone(id)) return 'done';
      if (lane.uncharted) {
        lane.note = { id, until: 0n, lost: false };
        return 'rewound';
      }
      const after = rewound(BigInt(lane.next), lane.note, id, start);
      if (!(await this.#commitOnce('commit of a rewind of', generation, place, Number(after.offset), after.note)))
        return 'gone';
      onRewound?.(place, lane.next, Number(after.offset));
      lane.goBack(after);
      return 'rewound';
    });
    generation.work.push(turn.catch(() => undefined));
    return turn;
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
    this.#generation?.closer.abort();
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
      if (leaving.aborted) await this.#call('leave the group', () => group.leave(member)).catch(() => undefined);
    }
  }

  /** Who leaves by himself lets what is in hand end, for a while. */
  async #end(leaving: AbortSignal): Promise<void> {
    const generation = this.#generation;
    if (generation === undefined) return;
    const work = Promise.all(generation.work);
    if (leaving.aborted) await Promise.race([work, wait(this.#options.link.process.clock, drainMs)]);
    abort(generation);
    await work;
    this.#generation = undefined;
  }

  /** One member's life, until it leaves or the group does not know it any more; a rejoin keeps the member. */
  async #live(member: string, leaving: AbortSignal): Promise<void> {
    const { group } = this.#options;
    for (;;) {
      const topics = this.#topics;
      const assignment = await this.#call('join the group', () => group.join(member, topics), joinTimeoutMs, leaving);
      if (leaving.aborted) return;
      const previous = this.#generation;
      const generation = newGeneration(member, assignment);
      this.#generation = generation;
      this.#joinedOnce();
      generation.work.push(this.#consume(generation, assignment.isNew ? undefined : previous));
      const outcome = await this.#beat(generation, leaving);
      if (outcome === 'leaving') return;
      if (outcome === 'rejoin') await this.#letGo(generation, leaving);
      if (leaving.aborted) return;
      abort(generation);
      await Promise.all(generation.work);
    }
  }

  /** What is at work ends and is committed, while the group can still wait for it; who is no member any more has nothing to wait for. */
  async #letGo({ member, assignment, closer, work }: Generation, leaving: AbortSignal): Promise<void> {
    const { link, group } = this.#options;
    const { clock } = link.process;
    closer.abort();
    const over = new AbortController();
    const end = (): void => over.abort();
    void Promise.all(work).then(end);
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
  async #beat({ member, assignment }: Generation, leaving: AbortSignal): Promise<'rejoin' | 'unknown' | 'leaving'> {
    const { group, link } = this.#options;
    for (let failures = 0; ;) {
      await wait(link.process.clock, heartbeatMs, leaving);
      if (leaving.aborted) return 'leaving';
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

  async #consume(generation: Generation, previous: Generation | undefined): Promise<void> {
    const { partitions } = generation.assignment;
    const closing = generation.closer.signal;
    const lanes = [...generation.lanes.values()];
    const committed = await this.#committed(partitions, closing);
    for (const [index, lane] of lanes.entries()) {
      const { topic, partition } = lane.place;
      const known = committed?.[index] ?? { offset: undefined, note: undefined };
      const { start } = this.#options.kafka.log(topic, partition);
      lane.resume(known, start, previous?.lanes.get(nameOf(lane.place)));
      lane.settle();
    }
    if (committed === undefined || closing.aborted) return;
    await this.#handler?.onAssigned(partitions);
    if (closing.aborted) return;
    await Promise.all(lanes.map((lane) => this.#lane(generation, lane)));
  }

  async #committed(
    partitions: readonly TopicPartition[],
    closing: AbortSignal,
  ): Promise<readonly SimCommitted[] | undefined> {
    const { group, link } = this.#options;
    while (!closing.aborted) {
      try {
        return await this.#call('read committed offsets', () =>
          partitions.map((place) => ({ offset: group.committed(place), note: group.noteOf(place) })),
        );
      } catch {
        await wait(link.process.clock, retryMs, closing);
      }
    }
    return undefined;
  }

  async #lane(generation: Generation, lane: SimLane): Promise<void> {
    const closing = generation.closer.signal;
    while (!closing.aborted) {
      const { epoch } = lane;
      const fetched = await this.#fetch(lane.place, lane.next, closing);
      if (fetched === undefined || closing.aborted) continue;
      const answer = await lane.turn(async () =>
        epoch === lane.epoch && !closing.aborted ? this.#deal(generation, lane, fetched) : undefined,
      );
      if (answer === 'hold') await lane.whileHeld(closing);
    }
  }

  /** Hands a batch over, and commits what was done of it. */
  async #deal(generation: Generation, lane: SimLane, fetched: FetchedBatch): Promise<BatchOutcome | 'again'> {
    const { place } = lane;
    if (fetched.offset > lane.next) {
      this.#options.onGap(place);
      lane.meetGap();
    }
    const end = fetched.offset + fetched.records.length;
    const answer = await this.#handle(fetched, end, lane, generation);
    if (answer === 'hold') lane.hold();
    if (answer === 'again' || answer === 'hold') return answer;
    lane.pass(answer === 'commit' ? end : Number(answer.commitTo));
    if (!(await this.#commit(generation, lane))) abort(generation);
    return answer;
  }

  async #handle(
    { topic, partition, expected, offset, records }: FetchedBatch,
    next: number,
    lane: SimLane,
    { aborter, closer }: Generation,
  ): Promise<BatchOutcome | 'again'> {
    const batch: SourceBatch = {
      ...{ topic, partition, firstOffset: BigInt(offset), nextOffset: BigInt(next) },
      records: records.map((record, index) => ({ ...record, src: offset + index })),
      ...lane.marks(offset > expected),
    };
    try {
      return (await this.#handler?.onBatch(batch, aborter.signal, closer.signal)) ?? 'hold';
    } catch (error) {
      this.#options.onHandlerError(error);
      await wait(this.#options.link.process.clock, retryMs, closer.signal);
      return 'again';
    }
  }

  /** Until it is answered; `false`: the group has moved on. */
  async #commit(generation: Generation, { place, next, note }: SimLane): Promise<boolean> {
    const { signal } = generation.aborter;
    while (!signal.aborted) {
      try {
        return await this.#commitOnce('commit', generation, place, next, note);
      } catch {
        await wait(this.#options.link.process.clock, retryMs, signal);
      }
    }
    return false;
  }

  #commitOnce(
    what: string,
    { member, assignment }: Generation,
    place: TopicPartition,
    offset: number,
    note: RewindNote | undefined,
  ): Promise<boolean> {
    const { group } = this.#options;
    return this.#call(`${what} ${place.topic}:${place.partition}`, () =>
      group.commit(member, assignment.generation, place, offset, note),
    );
  }

  async #fetch(place: TopicPartition, expected: number, closing: AbortSignal): Promise<FetchedBatch | undefined> {
    const { kafka, link, batchMax } = this.#options;
    try {
      const [batch] = await this.#call(
        `fetch ${place.topic}:${place.partition}`,
        () =>
          park(kafka, link, () => {
            const log = kafka.log(place.topic, place.partition);
            const offset = Math.max(expected, log.start);
            const records = log.read(offset, batchMax);
            return records.length > 0 ? [{ ...place, expected, offset, records }] : [];
          }),
        callTimeoutMs,
        closing,
      );
      return batch;
    } catch {
      await wait(link.process.clock, retryMs, closing);
      return undefined;
    }
  }

  #call<T>(what: string, serve: () => T | Promise<T>, timeoutMs = callTimeoutMs, signal?: AbortSignal): Promise<T> {
    const failed = (reason: string): Error => new TidemarkError('FEED_UNAVAILABLE', reason, { retriable: true });
    return this.#options.link.call({ what, timeoutMs, signal, serve, unsent: failed, unanswered: failed });
  }
}

function newGeneration(member: string, assignment: GroupAssignment): Generation {
  const [closer, aborter] = [new AbortController(), new AbortController()];
  const lanes = new Map(assignment.partitions.map((place) => [nameOf(place), new SimLane(place)]));
  return { member, assignment, closer, aborter, work: [], lanes };
}

function abort({ closer, aborter }: Generation): void {
  const reason = new Error('the group rebalances');
  closer.abort(reason);
  aborter.abort(reason);
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
