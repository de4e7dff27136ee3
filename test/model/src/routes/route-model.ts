import {
  chunksOf,
  DispatchPartition,
  DispatchRoutes,
  highestOf,
  outgoing,
  planTable,
  replayedOf,
} from '@tidemark/pipeline/internals';
import { decodeRecord, encodeControl, encodeEvent, rewound, type WireRecord } from '@tidemark/protocol';
import { type Model, type Visit } from '../explore/explore.js';
import { type RouteOptions } from './route-options.js';
import { eventTo, FollowingPods, idOf, take, valueOf } from './route-pod.js';
import { type Dispatcher, type Passed, type RoutePod, type RouteState, topicIndex, topicNames } from './route-state.js';

/**
 * One partition of a table whose route changes, two dispatchers that take turns, and one pod that holds one key. Routes, announcements and
 * what a chunk becomes are the dispatcher's shipped decisions, the pod is the shipped pod; loops, group and broker are modelled.
 */
export class RouteModel implements Model<RouteState> {
  readonly initial: RouteState;
  readonly #options: RouteOptions;
  readonly #pods: FollowingPods;

  constructor(options: RouteOptions) {
    this.#options = options;
    this.#pods = new FollowingPods(options);
    const {
      fills,
      marks = 0,
      rebalances = 0,
      zombieRecords = 0,
      partialSends = 0,
      announcements = 0,
      reconnections = 0,
      rewinds = 0,
    } = options;
    const waiting: Dispatcher = { route: 0, position: 0, passed: 0, announced: [0, 0, 0], hasOwned: false };
    const absent: RoutePod = {
      ...{ route: -1, offsets: [-1, -1, -1], followed: -1, watermark: 0, since: [-1, -1, -1], held: -1, fill: null },
    };
    this.initial = {
      last: 0,
      tableTopic: [],
      topics: [[], [], []],
      route: 0,
      owner: 0,
      committed: 0,
      until: 0,
      dispatchers: [{ ...waiting, hasOwned: true }, waiting],
      pod: options.podStarts === true ? absent : this.#listening(this.#routed(absent, 0), [[], [], []]),
      ...{ marks, fills, rebalances, zombieRecords, partialSends, announcements, reconnections, rewinds },
      fault: null,
    };
  }

  next(state: RouteState, visit: Visit<RouteState>): void {
    this.#othersAct(state, visit);
    this.#dispatcherActs(state, visit);
    this.#groupActs(state, visit);
    this.#podFollows(state, visit);
    this.#podReads(state, visit);
  }

  problem(state: RouteState): string | undefined {
    const { fault, pod } = state;
    if (fault !== null) return fault;
    if (pod.held >= 0 && pod.held < pod.watermark)
      return `I3: the pod serves #${pod.held} under a watermark that covers #${pod.watermark}`;
    if (!this.#isAtRest(state)) return undefined;
    if (pod.held >= 0 && pod.held !== state.last)
      return `I1: the pod keeps #${pod.held} for ever, the replica holds #${state.last}`;
    const wanted = [...this.#pods.wanted(pod)];
    return pod.followed >= 0 && wanted.length === 1 ? undefined : `stuck: the pod listens to ${wanted.join(' and ')}`;
  }

  describe({ pod, committed, topics }: RouteState): string {
    const held = pod.held < 0 ? '' : `holds #${pod.held}; `;
    const follows = pod.followed < 0 ? 'nothing' : topicNames[pod.followed];
    const lengths = topics.map((records, topic) => `${topicNames[topic]} ${records.length}`).join(', ');
    return `${held}follows ${follows}, W ${pod.watermark}; committed ${committed}; ${lengths}`;
  }

  #topicsOf(route: number): readonly (readonly [number, number, (readonly string[])?])[] {
    const routes = new DispatchRoutes();
    routes.apply(this.#pods.routeOf(route));
    const plan = planTable(routes.live('things'), 'table', () => ({ partitions: 1 }));
    if (plan.type !== 'dispatch') return [];
    const isSame = this.#options.fault === 'one-since';
    return plan.targets.map(({ topic, since, buckets }) => [topicIndex(topic), isSame ? 1 : since, buckets] as const);
  }

  /** Nothing will happen any more but what happens each second, and that has happened. */
  #isAtRest(state: RouteState): boolean {
    const { route, owner, dispatchers, pod, committed, tableTopic, topics } = state;
    const dispatcher = dispatchers[owner];
    if (dispatcher === undefined || route < this.#options.routes.length - 1 || dispatcher.route < route) return false;
    if (committed < tableTopic.length || pod.route < route || pod.fill !== null) return false;
    if (pod.offsets.some((offset, topic) => offset >= 0 && offset < (topics[topic]?.length ?? 0))) return false;
    for (const topic of this.#pods.wanted(pod)) if ((pod.offsets[topicIndex(topic)] ?? -1) < 0) return false;
    return this.#topicsOf(route).every(([topic, since]) => {
      const isListening = (pod.offsets[topic] ?? -1) >= 0;
      return !isListening || !this.#awaits(pod, topic, since);
    });
  }

  /** Whether the pod has not heard what is said each second, or not since it read the route that lets it believe it. */
  #awaits(pod: RoutePod, topic: number, since: number): boolean {
    if ((pod.since[topic] ?? -1) < since) return true;
    return pod.followed !== topic && this.#pods.believes(pod, topicNames[topic] ?? '', since);
  }

  #othersAct(state: RouteState, visit: Visit<RouteState>): void {
    const { last, tableTopic, route } = state;
    if (last < this.#options.writes)
      visit({ ...state, last: last + 1, tableTopic: [...tableTopic, last + 1] }, `write #${last + 1}`);
    if (state.marks > 0 && last > 0)
      visit(
        { ...state, marks: state.marks - 1, tableTopic: [...tableTopic, -last] },
        `a watermark that covers #${last}`,
      );
    const next = this.#options.routes[route + 1];
    if (next !== undefined) visit({ ...state, route: route + 1 }, `the route becomes ${JSON.stringify(next)}`);
  }

  #dispatcherActs(state: RouteState, visit: Visit<RouteState>): void {
    const { owner, tableTopic, zombieRecords, dispatchers } = state;
    for (const [at, dispatcher] of dispatchers.entries()) {
      const isOwner = at === owner;
      const name = isOwner ? `dispatcher ${at}` : `zombie ${at}`;
      if (dispatcher.route < state.route && (isOwner || zombieRecords > 0))
        visit(withDispatcher(state, at, { ...dispatcher, route: state.route }), `${name} reads the route`);
      const mayAct = isOwner || (dispatcher.hasOwned && zombieRecords > 0);
      if (dispatcher.position >= tableTopic.length || !mayAct) continue;
      const sent = this.#dispatched(state, at, dispatcher, Infinity);
      const after = isOwner ? sent : { ...sent, zombieRecords: zombieRecords - 1 };
      visit(after, `${name} dispatches`, told(tableTopic[dispatcher.position]));
    }
    const dispatcher = dispatchers[owner];
    if (dispatcher === undefined) return;
    this.#endsMidway(state, dispatcher, visit);
    this.#commits(state, dispatcher, visit);
    this.#rewinds(state, dispatcher, visit);
    this.#announces(state, owner, dispatcher, visit);
  }

  /** The record reaches the first of several topics, and the other dispatcher goes on from what is committed. */
  #endsMidway(state: RouteState, dispatcher: Dispatcher, visit: Visit<RouteState>): void {
    const { owner, partialSends, tableTopic } = state;
    const { route, position } = dispatcher;
    if (partialSends === 0 || position >= tableTopic.length || this.#topicsOf(route).length < 2) return;
    const partial = this.#dispatched(state, owner, dispatcher, 1);
    const lost = this.#assigned({ ...partial, partialSends: partialSends - 1 }, 1 - owner);
    visit(lost, `dispatcher ${owner} ends in the middle of`, told(tableTopic[position]));
  }

  #commits(state: RouteState, { position }: Dispatcher, visit: Visit<RouteState>): void {
    const ahead = this.#options.fault === 'commit-first' ? 1 : 0;
    const committed = Math.min(position + ahead, state.tableTopic.length);
    const until = committed < state.until ? state.until : 0;
    if (state.committed < committed) visit({ ...state, committed, until }, `dispatcher ${state.owner} commits`);
  }

  /** One record, into at most `targetsMax` of its targets. */
  #dispatched(state: RouteState, at: number, dispatcher: Dispatcher, targetsMax: number): RouteState {
    const owned = partitionOf(dispatcher);
    const { position } = dispatcher;
    const [chunk] = [...chunksOf('things', { records: this.#replayed(state, position) }, 1)];
    if (chunk === undefined) return withDispatcher(state, at, { ...dispatcher, position: position + 1 });
    let { topics } = state;
    let sentTo = 0;
    for (const [topic, since, buckets] of this.#topicsOf(dispatcher.route)) {
      if (sentTo === targetsMax) break;
      sentTo += 1;
      const records = outgoing('things', 0, chunk, since, buckets).map(({ record }) => record);
      const announcement = owned.takeAnnouncement(topicNames[topic] ?? '', since);
      if (announcement !== undefined) records.unshift(announcement);
      topics = topics.with(topic, [...(topics[topic] ?? []), ...records.map(passedFrom)]);
      owned.announced(topicNames[topic] ?? '', since);
    }
    if (targetsMax === Infinity) owned.pass(highestOf(chunk, Infinity));
    const after = { ...dispatcher, ...assignedFrom(owned), position: position + 1 };
    return withDispatcher({ ...state, topics }, at, after);
  }

  /** The record at `position`, or none where it comes again and the rewind is not about it. */
  #replayed({ tableTopic, until }: RouteState, position: number): readonly WireRecord[] {
    const record = { ...wireOf(tableTopic[position] ?? 0), src: position };
    if (until === 0) return [record];
    const beyond = this.#options.fault === 'replays-beyond' ? 1 : 0;
    const rewind = { id: 2, until: BigInt(until + beyond), lost: false };
    const place = { topic: 'table', partition: 0, firstOffset: BigInt(position), nextOffset: BigInt(position + 1) };
    const keys = this.#options.rewindsOthers === true ? { keys: { from: 'others:', to: 'others;' } } : {};
    const route = { ...this.#pods.routeOf(0), rewind: { id: 2, to: 0, ...keys } };
    return replayedOf({ ...place, records: [record], rewind }, route);
  }

  /** What comes each second: as often as the pod waits for it, and some more. */
  #announces(state: RouteState, owner: number, dispatcher: Dispatcher, visit: Visit<RouteState>): void {
    const { pod, topics, announcements } = state;
    for (const [topic, since] of this.#topicsOf(dispatcher.route)) {
      const name = topicNames[topic] ?? '';
      const records = topics[topic] ?? [];
      const isAwaited = pod.offsets[topic] === records.length && this.#awaits(pod, topic, since);
      if (!isAwaited && announcements === 0) continue;
      const owned = partitionOf(dispatcher);
      const after = topics.with(topic, [...records, passedFrom(owned.announcement(since))]);
      owned.announced(name, since);
      const left = isAwaited ? announcements : announcements - 1;
      const told = withDispatcher(state, owner, { ...dispatcher, ...assignedFrom(owned) });
      visit({ ...told, topics: after, announcements: left }, `dispatcher ${owner} announces since ${since} to ${name}`);
    }
  }

  #groupActs(state: RouteState, visit: Visit<RouteState>): void {
    if (state.rebalances === 0) return;
    const to = 1 - state.owner;
    visit(this.#assigned({ ...state, rebalances: state.rebalances - 1 }, to), `the partition goes to dispatcher ${to}`);
  }

  /** One commit, of the owner: what it had handled and not committed is behind `until`, too. */
  #rewinds(state: RouteState, dispatcher: Dispatcher, visit: Visit<RouteState>): void {
    const { position } = dispatcher;
    const { owner, until, rewinds, tableTopic } = state;
    if (rewinds === 0) return;
    const note = { id: 1, until: BigInt(until), lost: false };
    for (let to = 0; to <= tableTopic.length; to += 1) {
      const after = rewound(BigInt(position), note, 2, { offset: BigInt(to), lost: false });
      const committed = this.#options.fault === 'rewinds-forward' ? to : Number(after.offset);
      if (committed === position) continue;
      const next = { ...state, committed, until: Number(after.note.until), rewinds: rewinds - 1 };
      visit(
        withDispatcher(next, owner, { ...dispatcher, position: committed }),
        `dispatcher ${owner} rewinds to ${committed}`,
      );
    }
  }

  #assigned(state: RouteState, to: number): RouteState {
    const before = state.dispatchers[to];
    if (before === undefined) return state;
    const route = this.#options.fault === 'no-barrier' ? before.route : state.route;
    const known = assignedFrom(new DispatchPartition('things', 0));
    const after: Dispatcher = { route, position: state.committed, hasOwned: true, ...known };
    return withDispatcher({ ...state, owner: to }, to, after);
  }

  #podFollows(state: RouteState, visit: Visit<RouteState>): void {
    const { pod, topics, route } = state;
    if (pod.route < route) {
      const routed = this.#routed(pod, route);
      const verb = pod.route < 0 ? 'the pod starts, and reads the route' : 'the pod reads the route';
      visit({ ...state, pod: routed }, verb);
    }
    for (const [topic, name] of topicNames.entries()) {
      const records = topics[topic] ?? [];
      const offset = pod.offsets[topic] ?? -1;
      if (offset < 0) {
        if (pod.route >= 0 && this.#pods.wanted(pod).has(name))
          visit({ ...state, pod: this.#listening(pod, topics, topic) }, `the pod's feed listens to ${name}`);
        continue;
      }
      const record = records[offset];
      if (record === undefined) continue;
      if (state.reconnections > 0) {
        const pod = this.#reconnected(state, topic, name);
        visit(
          { ...state, reconnections: state.reconnections - 1, pod },
          `the pod's feed comes back at the end of ${name}`,
        );
      }
      visit({ ...state, pod: this.#taken(pod, topic, record) }, `the pod takes ${tell(record)} from ${name}`);
    }
  }

  /** The first record it gets has not the offset that was expected. */
  #reconnected({ pod, topics }: RouteState, topic: number, name: string): RoutePod {
    const offsets = pod.offsets.with(topic, topics[topic]?.length ?? 0);
    if (this.#options.fault === 'gap-unseen') return { ...pod, offsets };
    const after = this.#pods.act(pod, ({ follower }) => follower.flushPartition(name, 0, 'gap'));
    return { ...after, offsets };
  }

  #routed(pod: RoutePod, route: number): RoutePod {
    const after = this.#pods.act({ ...pod, route: Math.max(0, pod.route) }, ({ follower }) =>
      follower.applyRoute(this.#pods.routeOf(route)),
    );
    return this.#deaf({ ...after, route });
  }

  #taken(pod: RoutePod, topic: number, record: Passed): RoutePod {
    const name = topicNames[topic] ?? '';
    const after = this.#pods.act(pod, (awake) => take(awake, name, record));
    return this.#deaf({ ...after, offsets: pod.offsets.with(topic, (pod.offsets[topic] ?? 0) + 1) });
  }

  /** The position of a new topic is its end. */
  #listening(pod: RoutePod, topics: RouteState['topics'], topic = -1): RoutePod {
    const wanted = this.#pods.wanted(pod);
    const offsets = pod.offsets.map((offset, at) => {
      if (offset >= 0 || !wanted.has(topicNames[at] ?? '') || (topic >= 0 && at !== topic)) return offset;
      return topics[at]?.length ?? 0;
    });
    return { ...pod, offsets };
  }

  /** What no partition follows and no route names is not listened to any more. */
  #deaf(pod: RoutePod): RoutePod {
    const wanted = this.#pods.wanted(pod);
    const offsets = pod.offsets.map((offset, topic) => (wanted.has(topicNames[topic] ?? '') ? offset : -1));
    return { ...pod, offsets };
  }

  #podReads(state: RouteState, visit: Visit<RouteState>): void {
    const { pod, last } = state;
    const { fill } = pod;
    if (fill === null) {
      if (pod.held >= 0 || state.fills === 0 || pod.route < 0) return;
      const begun = { ...pod, fill: { read: -1, touched: false, followed: pod.followed >= 0 } };
      return visit({ ...state, fills: state.fills - 1, pod: begun }, 'a fill begins');
    }
    if (fill.read < 0)
      return visit({ ...state, pod: { ...pod, fill: { ...fill, read: last } } }, `a fill reads #${last}`);
    const after = this.#pods.act(pod, (awake) => {
      if (awake.fill === undefined) return;
      const image = { value: valueOf(fill.read), writeId: idOf(fill.read), expiresAt: 0, readAt: 0, bytes: 1 };
      awake.coherence.completeFill(awake.fill, image);
      awake.fill = undefined;
    });
    visit({ ...state, pod: after }, `a fill of #${fill.read} ends`);
  }
}

function withDispatcher(state: RouteState, at: number, dispatcher: Dispatcher): RouteState {
  return { ...state, dispatchers: state.dispatchers.with(at, dispatcher) };
}

function partitionOf({ passed, announced }: Dispatcher): DispatchPartition {
  const owned = new DispatchPartition('things', 0);
  if (passed > 0) owned.pass({ at: passed, streamId: 's' });
  for (const [topic, since] of announced.entries()) if (since > 0) owned.announced(topicNames[topic] ?? '', since);
  return owned;
}

/** What it would announce is how much it knows to be announced. */
function assignedFrom(owned: DispatchPartition): Pick<Dispatcher, 'passed' | 'announced'> {
  const announced = topicNames.map((topic) => {
    for (let since = 1; since < 10; since += 1) if (owned.takeAnnouncement(topic, since) === undefined) return since;
    return 0;
  });
  return { passed: owned.passed?.at ?? 0, announced };
}

function wireOf(record: number): WireRecord {
  if (record > 0) return encodeEvent(eventTo(record));
  return encodeControl({ control: 'watermark', table: 'things', at: -record, streamId: 's', since: null });
}

function passedFrom(wire: WireRecord): Passed {
  const decoded = decodeRecord(wire);
  if (decoded.type === 'event') return { event: Number(decoded.event.to?.slice(1)) };
  if (decoded.type === 'control' && decoded.record.control === 'watermark')
    return { at: decoded.record.at, since: decoded.record.since ?? 0 };
  throw new Error(`dispatched ${decoded.type}`);
}

function told(record = 0): string {
  return record > 0 ? `#${record}` : `the watermark of #${-record}`;
}

function tell(record: Passed): string {
  return 'event' in record ? `event #${record.event}` : `W ${record.at} since ${record.since}`;
}
