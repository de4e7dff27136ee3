import { type Clock } from '@tidemark/runtime';
import { type Batch, type EachBatchPayload } from 'kafkajs';
import { copyOfBatch } from './copy-of-batch.js';
import { type Generation, type Lane } from './generation.js';
import { type WorkBudget } from './work-budget.js';

/** A fetched batch on its way through its lane. */
export type LaneBatch = Pick<EachBatchPayload, 'batch' | 'pause' | 'commitOffsetsIfNecessary'>;

export interface LaneRunnerOptions {
  readonly clock: Clock;
  readonly budget: WorkBudget;
  /** A fetch waits for its batches for this long, ms. */
  readonly patienceMs: number;
  /** Handles one batch; those of one lane one after another. Never rejects. */
  readonly work: (taken: LaneBatch, generation: Generation, lane: Lane) => Promise<void>;
}

/** Batches of a lane in hand; with as many, its partition is not fetched. */
const pendingMax = 2;
/** No fetch waits for a topic that has lost its patience within this time, ms. */
const slowMs = 10_000;

/**
 * Takes fetched batches over into their lanes, so that kafkajs can fetch again: a broker's next fetch waits for the last one's batches, of all
 * topics. Where nothing is slow, that wait is kept, for it bounds what is in memory; a lane that takes long goes on by itself.
 */
export class LaneRunner {
  readonly #options: LaneRunnerOptions;
  /** Topics that are not waited for, until then, on the monotonic clock, ms. */
  readonly #slow = new Map<string, number>();

  constructor(options: LaneRunnerOptions) {
    this.#options = options;
  }

  /** Resolves when the next fetch may begin. Never rejects. */
  async take(payload: EachBatchPayload, generation: Generation, lane: Lane): Promise<void> {
    const { clock, patienceMs } = this.#options;
    const { batch } = payload;
    const { epoch } = lane;
    const bytes = bytesOf(batch);
    const patience = this.#isSlow(lane.topic) ? 0 : patienceMs;
    if (!(await this.#admit(lane.topic, bytes, patience)))
      return this.#pauseUntilRoom(payload, generation, lane, bytes);
    if (generation.closing.aborted || lane.epoch !== epoch) return this.#options.budget.give(lane.topic, bytes);

    payload.resolveOffset(batch.lastOffset());
    const taken = patience > 0 ? payload : { ...payload, batch: copyOfBatch(batch) };
    const ended = this.#run(taken, generation, lane, bytes);
    if (patience === 0 || !(await endsWithin(clock, patience, ended))) this.#goOn(payload, lane);
  }

  /** Fetches go on beside what is at work; a released lane is fetched again. */
  resume(lane: Lane): void {
    if (lane.held || lane.starved || lane.pending >= pendingMax) return;
    lane.resumeFetch?.();
    lane.resumeFetch = undefined;
  }

  async #run(taken: LaneBatch, generation: Generation, lane: Lane, bytes: number): Promise<void> {
    const { budget, work } = this.#options;
    const { epoch } = lane;
    lane.pending += 1;
    try {
      await generation.run(lane, async () => {
        await generation.ready;
        if (generation.closing.aborted || lane.epoch !== epoch) return;
        await this.#watched(lane.topic, work(taken, generation, lane));
      });
    } finally {
      lane.pending -= 1;
      budget.give(lane.topic, bytes);
      this.resume(lane);
    }
  }

  /** Time is taken from the beginning of the work: a lane may have waited for something else. */
  async #watched(topic: string, work: Promise<void>): Promise<void> {
    const { clock, patienceMs } = this.#options;
    const cancel = clock.setTimer(() => this.#slow.set(topic, Infinity), patienceMs);
    try {
      await work;
    } finally {
      cancel();
      if (this.#slow.get(topic) === Infinity) this.#slow.set(topic, clock.monotonicMs() + slowMs);
    }
  }

  #goOn(payload: EachBatchPayload, lane: Lane): void {
    if (lane.pending >= pendingMax) lane.resumeFetch ??= payload.pause();
  }

  #isSlow(topic: string): boolean {
    const untilMs = this.#slow.get(topic);
    if (untilMs === undefined) return false;
    if (untilMs > this.#options.clock.monotonicMs()) return true;
    this.#slow.delete(topic);
    return false;
  }

  async #admit(topic: string, bytes: number, patience: number): Promise<boolean> {
    const { clock, budget } = this.#options;
    if (budget.take(topic, bytes)) return true;
    if (patience === 0) return false;
    let forget: () => void = () => undefined;
    const room = new Promise<void>((resolve) => (forget = budget.whenRoom(topic, bytes, resolve)));
    await endsWithin(clock, patience, room);
    forget();
    return budget.take(topic, bytes);
  }

  /** Its position stays: the same batch is fetched again once there is room. */
  #pauseUntilRoom(payload: EachBatchPayload, generation: Generation, lane: Lane, bytes: number): void {
    if (generation.closing.aborted) return;
    lane.resumeFetch ??= payload.pause();
    lane.starved = true;
    const forget = this.#options.budget.whenRoom(lane.topic, bytes, () => {
      generation.signal.removeEventListener('abort', forget);
      lane.starved = false;
      this.resume(lane);
    });
    generation.signal.addEventListener('abort', forget, { once: true });
  }
}

/** Whether `work`, which never rejects, ends by then. */
async function endsWithin(clock: Clock, timeoutMs: number, work: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.setTimer(() => resolve(false), timeoutMs);
    void work.then(() => {
      cancel();
      resolve(true);
    });
  });
}

/** What kafkajs keeps beside a message's own bytes, about. */
const messageBytes = 200;

function bytesOf({ messages }: Batch): number {
  let bytes = 0;
  for (const { key, value } of messages) bytes += messageBytes + (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
  return bytes;
}
