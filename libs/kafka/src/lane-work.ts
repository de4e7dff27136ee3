import { type BatchOutcome, type EventSourceHandler, type SourceBatch } from '@tidemark/pipeline';
import { backoffMs, type Clock, type Logger, messageOf, wait } from '@tidemark/runtime';
import { type Batch } from 'kafkajs';
import { commitMetadata } from './commit-metadata.js';
import { type Generation, type Lane } from './generation.js';
import { groupBatch } from './group-batch.js';
import { type GroupMetrics } from './group-metrics.js';
import { isRejoinNeeded } from './kafka-error.js';
import { type LaneBatch } from './lane-runner.js';

export interface LaneWorkOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes what may be said again and again. */
  readonly again: Pick<Logger, 'warn' | 'error'>;
  readonly metrics: GroupMetrics;
  readonly handler: EventSourceHandler;
  readonly random: () => number;
}

/** What becomes of one fetched batch: handed over until it is done, then committed; or held. */
export class LaneWork {
  readonly #options: LaneWorkOptions;

  constructor(options: LaneWorkOptions) {
    this.#options = options;
  }

  /** Never rejects: a group that is in motion is left to the next join. */
  async handle(taken: LaneBatch, generation: Generation, lane: Lane): Promise<void> {
    const { metrics } = this.#options;
    const { epoch } = lane;
    const { batch, nextOffset, duplicates, gap, cut } = groupBatch(taken.batch, lane.next);
    if (cut) lane.pass(undefined);
    metrics.duplicates.value += duplicates;
    const lost = gap || lane.lost;
    if (lost) this.#tellGap(lane, taken.batch);
    if (batch === undefined) return this.#commit(taken, generation, lane, nextOffset, 0);

    const answer = await this.#handOver({ ...batch, afterGap: lost, ...lane.known }, generation, lane);
    if (answer === undefined) return;
    if (answer === 'hold') return this.#hold(taken, lane, lane.next ?? batch.firstOffset);
    const end = answer === 'commit' ? nextOffset : answer.commitTo;
    await this.#commit(taken, generation, lane, end, countBefore(batch, end));
    if (end < nextOffset && !generation.closing.aborted && lane.epoch === epoch)
      await this.handle(taken, generation, lane);
  }

  /** Again and again while it fails; `undefined`: it was not done, and is not to be done here any more. */
  async #handOver(batch: SourceBatch, generation: Generation, lane: Lane): Promise<BatchOutcome | undefined> {
    const { metrics, clock, handler, again, random } = this.#options;
    const { epoch } = lane;
    for (let attempt = 1; !generation.closing.aborted; attempt += 1) {
      const startedMs = clock.monotonicMs();
      try {
        const answer = await handler.onBatch(batch, generation.signal, generation.closing);
        metrics.handlerSeconds.observe((clock.monotonicMs() - startedMs) / 1_000);
        // A log that is read anew since begins without this: committing it would pass over what has its offsets now.
        return lane.epoch === epoch ? answer : undefined;
      } catch (error) {
        if (generation.over) return undefined;
        metrics.handlerErrors.value += 1;
        again.error(
          { ...place(lane), error: messageOf(error) },
          'kafka group: the handler failed, the batch is repeated',
        );
        await wait(clock, backoffMs(attempt, { initialMs: 100, maxMs: 5_000, random }), generation.closing);
      }
    }
    return undefined;
  }

  /** What was handled counts as handled even where it cannot be committed: the next join of the same member goes on behind it. */
  async #commit(
    taken: LaneBatch,
    generation: Generation,
    lane: Lane,
    nextOffset: bigint,
    records: number,
  ): Promise<void> {
    const { clock, again, metrics, random } = this.#options;
    const { topic, partition, epoch } = lane;
    lane.next = nextOffset;
    lane.pass(nextOffset, records);
    const metadata = commitMetadata(lane.note, lane.log);
    const offsets = { topics: [{ topic, partitions: [{ partition, offset: String(nextOffset), metadata }] }] };
    lane.reset = false;
    lane.uncharted = false;
    for (let attempt = 1; !generation.over && lane.epoch === epoch; attempt += 1) {
      try {
        await taken.commitOffsetsIfNecessary(offsets);
        lane.hasCommit = true;
        metrics.records.value += records;
        metrics.lags.set(topic, partition, BigInt(taken.batch.highWatermark) - nextOffset);
        return;
      } catch (error) {
        if (isRejoinNeeded(error)) return generation.abort(error);
        again.warn({ ...place(lane), error: messageOf(error) }, 'kafka group: could not commit, trying again');
        await wait(clock, backoffMs(attempt, { initialMs: 100, maxMs: 1_000, random }), generation.signal);
      }
    }
  }

  #hold(taken: LaneBatch, lane: Lane, at: bigint): void {
    lane.heldAt = at;
    lane.epoch += 1;
    lane.resumeFetch ??= taken.pause();
    this.#options.metrics.held.value += 1;
    this.#options.logger.debug(place(lane), 'kafka group: held until it is released, or assigned anew');
  }

  #tellGap(lane: Lane, batch: Batch): void {
    this.#options.metrics.gaps.value += 1;
    this.#options.logger.error(
      { ...place(lane), expected: lane.next?.toString(), got: batch.firstOffset() },
      'kafka group: records between the committed offset and the first one there were lost',
    );
  }
}

function countBefore({ records, nextOffset }: SourceBatch, end: bigint): number {
  return end === nextOffset ? records.length : records.filter(({ src }) => BigInt(src) < end).length;
}

function place({ topic, partition }: Lane): { topic: string; partition: number } {
  return { topic, partition };
}
