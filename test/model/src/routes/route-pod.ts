import {
  Coherence,
  type Fence,
  isUntouched,
  KnownSet,
  newCacheStats,
  type PartitionState,
  TableFollower,
} from '@tidemark/cache/internals';
import { type CdcEvent, followedTopic, type Route, targetsOf } from '@tidemark/protocol';
import { OneEntry } from '../key/key-pod.js';
import { type RouteOptions } from './route-options.js';
import { type Passed, type RoutePod, topicIndex, topicNames } from './route-state.js';

/** The shipped objects of the pod in one state. */
export interface FollowingPod {
  readonly follower: TableFollower;
  readonly coherence: Coherence;
  fill: Fence | undefined;
}

/** Makes the shipped pod of a state, lets something be done to it, and reads what it is then. */
export class FollowingPods {
  readonly #options: RouteOptions;
  /** By what decides it: the route that was read and the topic that is followed. */
  readonly #wanted = new Map<number, ReadonlySet<string>>();

  constructor(options: RouteOptions) {
    this.#options = options;
  }

  act(pod: RoutePod, act: (awake: FollowingPod) => void): RoutePod {
    const l1 = new OneEntry();
    const awake = this.#wake(pod, l1);
    act(awake);
    const state = awake.follower.partitionOf('things:k')?.state;
    const fill = pod.fill === null || awake.fill === undefined ? null : pod.fill;
    return {
      ...pod,
      followed: state?.followed === undefined ? -1 : topicIndex(state.followed),
      watermark: state?.watermark ?? 0,
      since: topicNames.map((topic) => state?.since.get(topic) ?? -1),
      held: l1.held === undefined ? -1 : Number(l1.held.value ?? 0),
      fill: fill === null || awake.fill === undefined ? null : { ...fill, touched: !isUntouched(awake.fill) },
    };
  }

  #wake(pod: RoutePod, l1: OneEntry): FollowingPod {
    const { newFollower = plainFollower, newCoherence = plainCoherence } = this.#options;
    const follower = newFollower();
    const coherence = newCoherence({
      l1,
      stats: newCacheStats(),
      mode: 'update',
      known: new KnownSet(),
      partitionOf: (key) => follower.partitionOf(`things:${key}`),
      hold: (event) => ({ value: event.value?.[0], bytes: 1 }),
      sameValue: (a, b) => a === b,
    });
    follower.addCache('things', coherence);
    if (pod.held >= 0) l1.held = { ...entry, value: valueOf(pod.held), writeId: idOf(pod.held) };
    const state = this.#followAgain(follower, pod);
    return { follower, coherence, fill: pod.fill === null ? undefined : reopened(coherence, state, pod.fill) };
  }

  /** The topics it is to listen to. */
  wanted(pod: RoutePod): ReadonlySet<string> {
    const asked = 8 * pod.route + pod.followed;
    let topics = this.#wanted.get(asked);
    if (topics === undefined) {
      this.act(pod, ({ follower }) => {
        topics = new Set(follower.topics);
      });
      this.#wanted.set(asked, topics ?? new Set());
    }
    return topics ?? new Set();
  }

  /** Whether it heads for the topic, and has read the route that says so. */
  believes(pod: RoutePod, topic: string, since: number): boolean {
    if (pod.route < 0) return false;
    const route = this.routeOf(pod.route);
    const target = targetsOf(route).find((each) => each.topic === topic);
    if (target === undefined || followedTopic(route, self) !== topic) return false;
    return target.buckets === undefined ? since <= target.since : since === target.since;
  }

  routeOf(index: number): Route {
    const all = Object.entries(this.#options.routes[index] ?? {});
    const topics = Object.fromEntries(all.flatMap(([topic, of]) => (typeof of === 'number' ? [[topic, of]] : [])));
    const limited = Object.fromEntries(all.flatMap(([topic, of]) => (typeof of === 'number' ? [] : [[topic, of]])));
    const changed = { limited, deleted: false, changedAt: 0, changedBy: 'model' };
    return { table: 'things', version: index + 1, writerEpoch: 1, topics, ...changed };
  }

  #followAgain(follower: TableFollower, { route, followed, watermark, since }: RoutePod): PartitionState | undefined {
    if (route < 0) return undefined;
    follower.applyRoute(this.routeOf(0));
    follower.setPartitionCount(1);
    const state = follower.partitionOf('things:k')?.state;
    if (state === undefined) return undefined;
    state.followed = followed < 0 ? undefined : topicNames[followed];
    for (let read = 1; read <= route; read += 1) follower.applyRoute(this.routeOf(read));
    state.watermark = watermark;
    for (const [topic, version] of since.entries()) if (version >= 0) state.since.set(topicNames[topic] ?? '', version);
    return state;
  }
}

const self = { service: '', buckets: ['things'] };

export function eventTo(state: number): CdcEvent {
  return {
    table: 'things',
    key: 'things:k',
    kind: state === 1 ? 'insert' : 'modify',
    from: idOf(state - 1),
    to: idOf(state),
    stampUs: null,
    expiresAt: null,
    codec: null,
    lane: 'cdc',
    region: 'local',
    position: null,
    value: Uint8Array.of(state),
  };
}

/** Hands a record of a topic to the pod. */
export function take({ follower }: FollowingPod, topic: string, record: Passed): void {
  if ('event' in record) follower.applyEvent(topic, 0, eventTo(record.event));
  else follower.applyWatermark(topic, 0, record.at, record.since);
}

export function valueOf(state: number): number | undefined {
  return state === 0 ? undefined : state;
}

export function idOf(state: number): string | null {
  return state === 0 ? null : `w${state}`;
}

const entry = { isPlain: true, stampUs: 0, expiresAt: 0, readAt: 0, partition: 0, source: 'fill' } as const;

function reopened(
  coherence: Coherence,
  state: PartitionState | undefined,
  { touched, followed }: { readonly touched: boolean; readonly followed: boolean },
): Fence {
  const now = state?.followed;
  if (state !== undefined) state.followed = followed ? (now ?? topicNames[0]) : undefined;
  const fence = coherence.beginFill('k');
  if (state !== undefined) state.followed = now;
  fence.dirty = touched;
  return fence;
}

function plainFollower(): TableFollower {
  return new TableFollower('things', () => undefined);
}

function plainCoherence(options: ConstructorParameters<typeof Coherence>[0]): Coherence {
  return new Coherence(options);
}
