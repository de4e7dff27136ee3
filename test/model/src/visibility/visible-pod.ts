import {
  Coherence,
  type CoherenceOptions,
  type Fence,
  FeedFollower,
  isUntouched,
  KnownSet,
  newCacheStats,
  PartitionState,
  type TableFollower,
} from '@tidemark/cache/internals';
import { type CdcEvent, encodeControl, encodeEvent, type Route, type WireRecord } from '@tidemark/protocol';
import { MetricRegistry, silentLogger } from '@tidemark/runtime';
import { OneEntry } from '../key/key-pod.js';
import { type VisibilityOptions } from './visibility-options.js';
import { ask, other, routes, sinceOf, topicNames, type VisibleFill, type VisiblePod } from './visibility-state.js';

/** The shipped objects of a pod in one state. */
export interface AwakePod {
  readonly feed: FeedFollower;
  readonly table: TableFollower;
  readonly coherence: Coherence;
  fill: Fence | undefined;
}

/** What became of the shipped objects. */
type Done = Pick<VisiblePod, 'isTailing' | 'followed' | 'since' | 'progress' | 'held'> & {
  readonly listens: readonly boolean[];
  /** `null`: there is no read any more. */
  readonly touched: boolean | null;
};

const key = 'k';
const doneMax = 100_000;
/** Where a read belongs that began before the partitions were known that are known now. */
const nowhere = { index: -1, state: new PartitionState() };
const noFeed = {
  open: async () => undefined,
  tail: async () => new Map<string, number>(),
  close: async () => undefined,
};

/** Makes the shipped pod of a state, lets something be done to it, and reads what it is then. */
export class VisiblePods {
  readonly #options: VisibilityOptions;
  readonly #metrics = new MetricRegistry();
  readonly #records = new Map<number, WireRecord>();
  readonly #token: number;
  readonly #done = new Map<string, Done>();
  readonly #looks = new Map<string, number | boolean | readonly boolean[]>();

  constructor(options: VisibilityOptions) {
    this.#options = options;
    this.#token = options.token ?? options.writes;
  }

  /** What is done to like pods comes to the same, and is done once; `what` says what it is. */
  act(pod: VisiblePod, what: string, act: (awake: AwakePod) => void): VisiblePod {
    const key = `${keyOf(pod)} ${what}`;
    const done = this.#done.get(key) ?? this.#acted(pod, act);
    if (this.#done.size < doneMax) this.#done.set(key, done);
    const { listens, touched, ...now } = done;
    const offsets = pod.offsets.map((offset, topic) => (listens[topic] === true ? offset : -1));
    const fill =
      pod.fill === null || touched === null ? null : touched === pod.fill.touched ? pod.fill : { ...pod.fill, touched };
    return { ...pod, ...now, offsets, fill };
  }

  /** The topics it is to listen to. */
  listens(pod: VisiblePod): readonly boolean[] {
    return this.#seen(pod, 'topics', ({ table }) => topicNames.map((name) => table.topics.has(name)));
  }

  isJoinable(pod: VisiblePod): boolean {
    return this.#seen(pod, 'joins', ({ coherence, fill }) => fill !== undefined && coherence.joinable(fill));
  }

  /** What it says of itself. */
  reportOf(pod: VisiblePod): number {
    return this.#seen(pod, 'reports', ({ feed }) => feed.progress['things']?.progress[0] ?? -2);
  }

  read(pod: VisiblePod, topic: number, record: number, offset: number): VisiblePod {
    const name = topicNames[topic] ?? '';
    return this.act(pod, `reads ${record} at ${offset} of ${name}`, ({ feed }) =>
      feed.onBatch({ topic: name, partition: 0, records: [{ ...this.#recordOf(record), src: offset }] }),
    );
  }

  watermark(pod: VisiblePod, topic: number): VisiblePod {
    const [since, name] = [sinceOf[topic] ?? 0, topicNames[topic] ?? ''];
    const wire = encodeControl({ control: 'watermark', table: 'things', at: 1, streamId: 's', since });
    return this.act(pod, `watermark of ${name}`, ({ feed }) =>
      feed.onBatch({ topic: name, partition: 0, records: [wire] }),
    );
  }

  #seen<T extends number | boolean | readonly boolean[]>(
    pod: VisiblePod,
    what: string,
    see: (awake: AwakePod) => T,
  ): T {
    const key = `${keyOf(pod)} ${what}`;
    const seen = (this.#looks.get(key) as T | undefined) ?? see(this.#wake(pod, new OneEntry()));
    if (this.#looks.size < doneMax) this.#looks.set(key, seen);
    return seen;
  }

  #acted(pod: VisiblePod, act: (awake: AwakePod) => void): Done {
    const l1 = new OneEntry();
    const awake = this.#wake(pod, l1);
    act(awake);
    const { table, fill } = awake;
    const state = table.partitionOf('things:k')?.state;
    return {
      isTailing: state !== undefined,
      followed: topicNames.findIndex((topic) => topic === state?.followed),
      since: topicNames.map((topic) => state?.since.get(topic) ?? -1),
      progress: state?.progress ?? -1,
      held: l1.held === undefined ? -1 : Number(l1.held.value ?? 0),
      listens: topicNames.map((name) => table.topics.has(name)),
      touched: fill === undefined ? null : !isUntouched(fill),
    };
  }

  #wake(pod: VisiblePod, l1: OneEntry): AwakePod {
    const feed = new FeedFollower({
      ...{ feed: noFeed, region: 'local', logger: silentLogger, metrics: this.#metrics },
      ...{ onProgress: () => undefined, onReportAsked: () => undefined },
    });
    const table = feed.table('things');
    let isPlaced = true;
    const options: CoherenceOptions = {
      ...{ l1, stats: newCacheStats(), mode: 'update', known: new KnownSet() },
      partitionOf: (each) => (isPlaced ? table.placeOf(`things:${each}`) : nowhere),
      hold: (event) => ({ value: event.value?.[0], bytes: 1 }),
      sameValue: (a, b) => a === b,
    };
    const coherence = this.#options.make?.(options) ?? new Coherence(options);
    table.addCache('things', coherence);
    this.#follow(table, pod);
    if (pod.held >= 0) l1.held = { ...entry, value: valueOf(pod.held), writeId: idOf(pod.held) };
    const reopened = (fill: VisibleFill): Fence => {
      isPlaced = fill.isPlaced || !pod.isTailing;
      const state = table.partitionOf('things:k')?.state;
      const followed = state?.followed;
      if (state !== undefined) state.followed = fill.followed ? 'a' : undefined;
      const fence = coherence.beginFill(key);
      if (state !== undefined) state.followed = followed;
      isPlaced = true;
      fence.dirty = fill.touched;
      return fence;
    };
    return { feed, table, coherence, fill: pod.fill === null ? undefined : reopened(pod.fill) };
  }

  #follow(table: TableFollower, { route, isTailing, followed, since, progress }: VisiblePod): void {
    if (route < 0) return;
    table.applyRoute(routeOf(route));
    if (!isTailing) return;
    table.setPartitionCount(1);
    const state = table.partitionOf('things:k')?.state;
    if (state === undefined) return;
    state.followed = topicNames[followed];
    state.progress = progress;
    for (const [topic, version] of since.entries()) if (version >= 0) state.since.set(topicNames[topic] ?? '', version);
  }

  #recordOf(record: number): WireRecord {
    const made = this.#records.get(record) ?? this.#encoded(record);
    this.#records.set(record, made);
    return made;
  }

  #encoded(record: number): WireRecord {
    if (record === other) return encodeControl({ control: 'probe', table: 'things', id: 'p', at: 0 });
    if (record !== ask) return encodeEvent(eventTo(record));
    if (this.#options.fault === 'bare-ask')
      return encodeControl({ control: 'invalidate', table: 'things', key: 'others:k', report: true });
    if (this.#options.asks === 'invalidation')
      return encodeControl({ control: 'invalidate', table: 'things', key: 'things:k', report: true });
    return encodeEvent({ ...eventTo(this.#token), lane: 'fast', report: true });
  }
}

/** All that the shipped objects are made from. */
function keyOf({ route, isTailing, followed, since, progress, held, fill }: VisiblePod): string {
  const read = fill === null ? '-' : `${Number(fill.touched)}${Number(fill.isPlaced)}${Number(fill.followed)}`;
  return `${route} ${isTailing ? 't' : 'n'} ${followed} ${since[0]} ${since[1]} ${progress} ${held} ${read}`;
}

export function routeOf(index: number): Route {
  const changed = { deleted: false, changedAt: 0, changedBy: 'model' };
  return { table: 'things', version: index + 1, writerEpoch: 1, topics: routes[index] ?? {}, ...changed };
}

export function imageOf(state: number): Parameters<Coherence['completeFill']>[1] {
  return { value: valueOf(state), writeId: idOf(state), expiresAt: 0, readAt: 0, bytes: 1 };
}

const entry = { isPlain: true, stampUs: 0, expiresAt: 0, readAt: 0, partition: 0, source: 'fill' } as const;

/** State 0 is a value, too: whoever holds it holds something that was overwritten. */
function valueOf(state: number): number {
  return state;
}

function idOf(state: number): string {
  return `w${state}`;
}

function eventTo(state: number): CdcEvent {
  return {
    ...{ table: 'things', key: 'things:k', kind: 'modify', from: idOf(state - 1), to: idOf(state), stampUs: null },
    ...{ expiresAt: null, codec: null, lane: 'cdc', region: 'local', position: null, value: Uint8Array.of(state) },
  };
}
