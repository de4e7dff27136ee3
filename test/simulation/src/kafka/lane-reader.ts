import {
  type FetchPlace,
  type Generation,
  type GroupPlaces,
  type KafkaClient,
  type Lane,
  type LaneBatch,
  leaderEpochOf,
  type LaneWork,
  resumeLanes,
  rewindLane,
} from '@tidemark/kafka/internals';
import { type Rewind, type RewindOutcome, type TopicPartition } from '@tidemark/pipeline';
import { wait } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { LaneCursor } from './lane-cursor.js';
import { type FetchedPartition, fetchPartitions } from './sim-fetch.js';
import { type GroupAssignment, type SimGroup } from './sim-group.js';
import { type SimKafka } from './sim-kafka.js';

export interface LaneReaderOptions {
  readonly kafka: SimKafka;
  readonly group: SimGroup;
  readonly link: Link;
  readonly client: KafkaClient;
  /** Most records of a batch. */
  readonly batchMax: number;
  readonly member: string;
  readonly assignment: GroupAssignment;
  readonly generation: Generation;
  readonly places: GroupPlaces;
  readonly work: LaneWork;
  /** A partition goes back, from where it stood. */
  readonly onRewound?: ((place: TopicPartition, from: number, to: number) => void) | undefined;
}

const callTimeoutMs = 2_000;
const retryMs = 300;
/** Nothing may be asked for: time until the next look, ms. */
const idleMs = 50;
/** kafkajs commits this when the log has not got what was asked for. */
const earliest = -2;

type Offsets = Parameters<LaneBatch['commitOffsetsIfNecessary']>[0];

/** What kafkajs does for one generation of a group: reads its partitions and commits, by what the shipped lanes and places say. */
export class LaneReader {
  readonly #options: LaneReaderOptions;
  readonly #cursors = new Map<Lane, LaneCursor>();

  constructor(options: LaneReaderOptions) {
    this.#options = options;
    for (const lane of options.generation.lanes()) this.#cursors.set(lane, new LaneCursor());
  }

  /** Until nothing is read any more, and nothing is at work. */
  async run(previous: Generation | undefined, tellAssigned: () => Promise<void> | undefined): Promise<void> {
    const { generation } = this.#options;
    generation.ready = this.#prepare(previous, tellAssigned);
    await generation.ready;
    await Promise.all([...this.#cursors].map(([lane, cursor]) => this.#read(lane, cursor)));
    await generation.idle();
  }

  release(places: readonly TopicPartition[]): void {
    for (const { topic, partition } of places) {
      const lane = this.#options.generation.lane(topic, partition);
      if (lane?.heldAt === undefined) continue;
      const at = Number(lane.heldAt);
      lane.heldAt = undefined;
      lane.resumeFetch = undefined;
      this.#cursors.get(lane)?.seek(at);
    }
  }

  async rewind({ topic, partition }: TopicPartition, rewind: Rewind, signal: AbortSignal): Promise<RewindOutcome> {
    const { generation, client, link, onRewound } = this.#options;
    const lane = generation.lane(topic, partition);
    if (lane === undefined) return 'gone';
    let steps: readonly [from: number, to: number] | undefined;
    const outcome = await rewindLane(lane, generation, rewind, {
      ...{ client, signal, clock: link.process.clock },
      consumer: { seek: ({ offset }) => this.#cursors.get(lane)?.seek(Number(offset)) },
      commit: async (offsets, isDue) => {
        if (!isDue()) throw new Error('it is too late for it');
        steps = [Number(lane.next), Number(offsets.topics[0]?.partitions[0]?.offset)];
        await this.#commit('commit of a rewind of', offsets);
      },
    });
    if (outcome === 'rewound' && steps !== undefined) onRewound?.({ topic, partition }, ...steps);
    return outcome;
  }

  /** The log of a lane is not the one that was read: from its start. */
  beginAnew(lane: Lane): void {
    lane.restart();
    this.#cursors.get(lane)?.seek(0);
  }

  async #prepare(previous: Generation | undefined, tellAssigned: () => Promise<void> | undefined): Promise<void> {
    const { generation, places, client, link, group } = this.#options;
    const { clock } = link.process;
    await previous?.idle();
    const topics = [...new Set(generation.partitions().map(({ topic }) => topic))];
    const resumed = this.#untilDone(async () => {
      await resumeLanes({ client, clock, groupId: '', topics }, previous, generation);
      const lanes = [...this.#cursors.keys()];
      // kafkajs asks for itself, too.
      const committed = await this.#call('read committed offsets', () => lanes.map((lane) => group.committed(lane)));
      for (const [index, lane] of lanes.entries()) {
        const offset = committed[index] ?? earliest;
        this.#cursors.get(lane)?.seek(offset < 0 ? undefined : offset);
      }
      places.settle(generation);
    });
    await Promise.all([resumed, this.#untilDone(async () => tellAssigned())]);
  }

  async #untilDone(work: () => Promise<void>): Promise<void> {
    const { generation, link } = this.#options;
    while (!generation.closing.aborted) {
      try {
        return await work();
      } catch {
        await wait(link.process.clock, retryMs, generation.closing);
      }
    }
  }

  async #read(lane: Lane, cursor: LaneCursor): Promise<void> {
    const { places, generation } = this.#options;
    const { closing } = generation;
    while (!closing.aborted) {
      if (lane.held) {
        await cursor.whilePaused(closing);
        continue;
      }
      await cursor.room();
      const { seeks } = cursor;
      const place = places.of(lane.topic, lane.partition);
      if (place === undefined) {
        await places.idle(idleMs);
        continue;
      }
      const fetched = await this.#fetch(lane, place, cursor);
      if (fetched === undefined || closing.aborted || lane.held || cursor.seeks !== seeks) continue;
      await this.#take(fetched, lane, cursor);
    }
    await cursor.end();
  }

  async #fetch(lane: Lane, place: FetchPlace, cursor: LaneCursor): Promise<FetchedPartition | undefined> {
    const { kafka, link, batchMax, generation } = this.#options;
    const { topic, partition } = lane;
    const failed = (reason: string): Error => new Error(reason);
    try {
      cursor.next ??= await this.#call(`find the start of ${topic}`, () => kafka.log(topic, partition).start);
      const [fetched] = await fetchPartitions([{ topic, partition, fetchOffset: cursor.next, place }], {
        ...{ kafka, link, failed, what: `fetch ${topic}:${partition}` },
        ...{ recordsMax: batchMax, timeoutMs: callTimeoutMs, signal: generation.closing },
      });
      return fetched;
    } catch {
      await wait(link.process.clock, retryMs, generation.closing);
      return undefined;
    }
  }

  async #take(fetched: FetchedPartition, lane: Lane, cursor: LaneCursor): Promise<void> {
    const { generation, places, work } = this.#options;
    const { topic, partition } = lane;
    if (fetched.type === 'refused') return places.onRefused({ topic, partition, why: fetched.why });
    if (fetched.type === 'out of range') return this.#recover(lane, cursor);
    const { batch } = fetched;
    lane.noteLeader(leaderEpochOf(batch));
    cursor.next = Number(batch.lastOffset()) + 1;
    const taken: LaneBatch = {
      batch,
      pause: () => () => cursor.resume(),
      commitOffsetsIfNecessary: (offsets) => this.#commit('commit', offsets),
    };
    cursor.add(generation, lane, () => work.handle(taken, generation, lane));
  }

  /** As kafkajs does, and the shipped gate before it. */
  async #recover(lane: Lane, cursor: LaneCursor): Promise<void> {
    const { topic, partition } = lane;
    lane.restart();
    const partitions = [{ partition, offset: String(earliest), metadata: null }];
    const { seeks } = cursor;
    await this.#commit('commit', { topics: [{ topic, partitions }] }).catch(() => undefined);
    if (cursor.seeks === seeks) cursor.seek(undefined);
  }

  async #commit(what: string, offsets: Offsets): Promise<void> {
    const { group, member, assignment } = this.#options;
    for (const { topic, partitions } of offsets?.topics ?? [])
      for (const { partition, offset, metadata } of partitions as readonly CommittedPartition[]) {
        const place = { topic, partition };
        const isTaken = await this.#call(`${what} ${topic}:${partition}`, () =>
          group.commit(member, assignment.generation, place, Number(offset), metadata),
        );
        if (!isTaken) throw Object.assign(new Error('the group has moved on'), { type: 'ILLEGAL_GENERATION' });
      }
  }

  #call<T>(what: string, serve: () => T): Promise<T> {
    const failed = (reason: string): Error => new Error(reason);
    return this.#options.link.call({ what, timeoutMs: callTimeoutMs, serve, unsent: failed, unanswered: failed });
  }
}

interface CommittedPartition {
  readonly partition: number;
  readonly offset: string;
  readonly metadata?: string | null;
}
