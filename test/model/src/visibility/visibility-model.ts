import { type PodSnapshot } from '@tidemark/cache';
import { visibilityOf, type VisibilityVerdict } from '@tidemark/cache/internals';
import { type Model, type Visit } from '../explore/explore.js';
import { tickMs, type VisibilityOptions } from './visibility-options.js';
import {
  ask,
  type Budget,
  budgets,
  other,
  routes,
  sinceOf,
  spent,
  topicNames,
  type VisibilityState,
  type VisibleFill,
  type VisiblePod,
} from './visibility-state.js';
import { imageOf, routeOf, VisiblePods } from './visible-pod.js';

const silentTicks = 10_000 / tickMs;

/**
 * A key that is written, the table topic, the dispatcher's topics, pods that start, follow, report, fall silent and end, and somebody who waits until
 * a write is visible. Pods and the decision are the shipped code; broker, registry, dispatcher and loops are modelled.
 */
export class VisibilityModel implements Model<VisibilityState> {
  readonly initial: VisibilityState;
  readonly #options: VisibilityOptions;
  readonly #pods: VisiblePods;
  readonly #token: number;

  constructor(options: VisibilityOptions) {
    this.#options = options;
    this.#pods = new VisiblePods(options);
    this.#token = options.token ?? options.writes;
    this.initial = {
      ...{ last: 0, pending: 0, tableTopic: [], dispatched: 0, oldEnds: -1, route: options.route ?? 0 },
      pods: options.pods.map((kind) => (kind === 'live' ? livePod : newPod)),
      reported: options.pods.map((kind) => (kind === 'live' ? { progress: -1, at: 0 } : null)),
      ...{ now: 0, lastReport: 0, lastReporter: -1, place: -1, isVisible: false },
      left: budgets.map((budget) => options[budget] ?? 0),
      fault: null,
    };
  }

  next(state: VisibilityState, visit: Visit<VisibilityState>): void {
    this.#writesAndRecords(state, visit);
    this.#somebodyWaits(state, visit);
    for (const [p, pod] of state.pods.entries()) {
      if (!pod.isAlive) continue;
      this.#follows(state, p, pod, visit);
      this.#listens(state, p, pod, visit);
      this.#gets(state, p, pod, visit);
      this.#reports(state, p, pod, visit);
      this.#ends(state, p, pod, visit);
    }
  }

  problem({ fault, isVisible, pods }: VisibilityState): string | undefined {
    if (fault !== null || !isVisible) return fault ?? undefined;
    const p = pods.findIndex((pod) => this.#owes(pod) && pod.held >= 0 && pod.held < this.#token);
    return p < 0 ? undefined : `pod ${p} serves #${pods[p]?.held}, after #${this.#token} was called visible`;
  }

  describe({ last, place, isVisible, pods }: VisibilityState): string {
    const waits = isVisible ? 'visible' : place < 0 ? '-' : `place ${place}`;
    const each = pods.map(({ isAlive, route, held, progress, followed, fill, isRegistered }) => {
      if (!isAlive || route < 0) return '-';
      const fills = fill === null ? '' : ` fill ${fill.read}${fill.touched ? '!' : ''}`;
      return `${isRegistered ? '' : '?'}${topicNames[followed] ?? '-'}${progress} #${held < 0 ? '-' : held}${fills}`;
    });
    return `#${last}; ${waits}; ${each.join(' | ')}`;
  }

  /** Whether it is promised that the pod serves nothing older than the token's write, once that is visible. */
  #owes({ isAlive, isRegistered, isExempt }: VisiblePod): boolean {
    return isAlive && isRegistered && !isExempt;
  }

  #writesAndRecords(state: VisibilityState, visit: Visit<VisibilityState>): void {
    const { last, pending, route } = state;
    if (last < this.#options.writes)
      visit({ ...state, last: last + 1, pending: pending | (1 << (last + 1)) }, `write #${last + 1}`);
    for (let each = 1; each <= last; each += 1) {
      const isPending = ((pending >>> each) & 1) === 1;
      const before = isPending ? { ...state, pending: pending & ~(1 << each) } : spent(state, 'duplicates');
      if (before !== undefined) visit(this.#published(before, each), `the event to #${each} is published`);
    }
    this.#given(state, 'others', visit, 'another record is published', (after) => this.#published(after, other));
    this.#given(state, 'ticks', visit, 'six seconds pass', (after) => ({ ...after, now: after.now + 1 }));
    if (this.#options.moves !== true) return;
    if (state.dispatched < state.tableTopic.length)
      visit({ ...state, dispatched: state.dispatched + 1 }, `record ${state.dispatched} is dispatched`);
    if (route + 1 < routes.length) {
      const oldEnds = route + 1 === routes.length - 1 ? state.dispatched : -1;
      visit({ ...state, route: route + 1, oldEnds }, `the route becomes ${JSON.stringify(routes[route + 1])}`);
    }
  }

  #given(
    state: VisibilityState,
    budget: Budget,
    visit: Visit<VisibilityState>,
    verb: string,
    change: (after: VisibilityState) => VisibilityState,
  ): void {
    const after = spent(state, budget);
    if (after !== undefined) visit(change(after), verb);
  }

  #published(state: VisibilityState, record: number): VisibilityState {
    const tableTopic = [...state.tableTopic, record];
    return { ...state, tableTopic, dispatched: this.#options.moves === true ? state.dispatched : tableTopic.length };
  }

  #somebodyWaits(state: VisibilityState, visit: Visit<VisibilityState>): void {
    if (state.last < this.#token || state.isVisible) return;
    if (state.place < 0)
      return visit({ ...this.#published(state, ask), place: state.tableTopic.length }, 'reports are asked for');
    const snapshot = this.#snapshot(state);
    const { decide = visibilityOf } = this.#options;
    const verdict = decide(snapshot, { table: 'things', partition: 0, offset: state.place });
    const wrong = this.#misjudged(state, verdict);
    if (wrong !== undefined) return visit({ ...state, fault: wrong }, 'the pods topic is read');
    if (verdict.missing.length > 0) return;
    const pods = state.pods.map((pod, p) => (verdict.silent.includes(`p${p}`) ? { ...pod, isExempt: true } : pod));
    visit({ ...state, pods, isVisible: true }, 'every pod is past the place: visible');
  }

  #snapshot({ reported, lastReport, lastReporter }: VisibilityState): PodSnapshot {
    const isShort = this.#options.fault === 'short-read';
    const pods = reported.flatMap((report, p) => {
      if (report === null || (isShort && p === lastReporter)) return [];
      const isKnown = report.progress > -2;
      const things = { topics: isKnown ? ['a'] : [], progress: isKnown ? [report.progress] : [] };
      const each = { pod: `p${p}`, service: 's', tables: { things }, leaving: false };
      return [{ report: each, at: tickMs * report.at }];
    });
    return { now: tickMs * lastReport, pods };
  }

  /** At its deadline the caller is told of exactly those that are not past the place, and of the silent ones apart. */
  #misjudged(state: VisibilityState, { past, missing, silent }: VisibilityVerdict): string | undefined {
    for (const [p, report] of state.reported.entries()) {
      if (report === null || (this.#options.fault === 'short-read' && p === state.lastReporter)) continue;
      const name = `p${p}`;
      const named = [past, missing, silent].map((names) => names.includes(name));
      if (named.filter(Boolean).length !== 1) return `pod ${p} is not named once`;
      const isThere = report.progress >= state.place;
      const [isPast, isMissing] = named;
      if (isPast === true) {
        if (state.pods[p]?.isPast !== true) return `pod ${p} is called past a place that it is not past`;
      } else if (isThere || isMissing === state.lastReport - report.at > silentTicks)
        return `pod ${p} is called ${isMissing === true ? 'missing' : 'silent'}, which it is not`;
    }
    return undefined;
  }

  #with(state: VisibilityState, p: number, pod: VisiblePod): VisibilityState {
    const isPast = pod.isPast || (state.place >= 0 && pod.offsets.some((offset) => offset > state.place));
    const isExempt = pod.isExempt && !isPast;
    return { ...state, pods: state.pods.with(p, { ...pod, isPast, isExempt }) };
  }

  #follows(state: VisibilityState, p: number, pod: VisiblePod, visit: Visit<VisibilityState>): void {
    const go = (after: VisiblePod, verb: string): void => visit(this.#with(state, p, after), `pod ${p} ${verb}`);
    if (pod.route < state.route) {
      const verb = pod.route < 0 ? 'starts, and reads the route' : 'reads the route';
      const routed = { ...pod, route: Math.max(0, pod.route) };
      const after = this.#pods.act(routed, `route ${state.route}`, ({ table }) =>
        table.applyRoute(routeOf(state.route)),
      );
      go({ ...after, route: state.route }, verb);
    }
    if (pod.route < 0) return;
    const wanted = this.#pods.listens(pod);
    for (const [topic, name] of topicNames.entries()) {
      if (wanted[topic] !== true) continue;
      if ((pod.offsets[topic] ?? -1) < 0) {
        const after = this.#pods.act(pod, 'partitions', ({ table }) => table.setPartitionCount(1));
        go({ ...after, offsets: after.offsets.with(topic, state.dispatched) }, `listens to ${name}`);
      } else if ((pod.since[topic] ?? -1) < (sinceOf[topic] ?? 0))
        go(this.#pods.watermark(pod, topic), `has a first watermark of ${name}`);
    }
  }

  #listens(state: VisibilityState, p: number, pod: VisiblePod, visit: Visit<VisibilityState>): void {
    for (const [topic, name] of topicNames.entries()) {
      const offset = pod.offsets[topic] ?? -1;
      const ends = topic === 0 && state.oldEnds >= 0 ? state.oldEnds : state.dispatched;
      const record = state.tableTopic[offset];
      if (offset < 0 || offset >= ends || record === undefined) continue;
      const go = (after: VisiblePod, at: number, verb: string, from = state): void =>
        visit(this.#with(from, p, { ...after, offsets: moved(after, topic, at) }), `pod ${p} ${verb}`);
      go(this.#read(pod, topic, record, offset), offset + 1, `reads ${told(record)} from ${name}`);
      if (this.#options.fault === 'progress-first' && pod.followed === topic && pod.progress < offset)
        go({ ...pod, progress: offset }, offset, 'notes its progress');
      const skipped = spent(state, 'gaps');
      if (skipped !== undefined) go(this.#skipped(pod, name), ends, `goes on at the end of ${name}`, skipped);
    }
  }

  #read(pod: VisiblePod, topic: number, record: number, offset: number): VisiblePod {
    const after = this.#pods.read(pod, topic, record, offset);
    return this.#options.fault === 'both-topics' ? { ...after, progress: Math.max(after.progress, offset) } : after;
  }

  /** The first record it gets has not the offset that was expected. */
  #skipped(pod: VisiblePod, name: string): VisiblePod {
    if (this.#options.fault === 'gap-unseen') return pod;
    return this.#pods.act(pod, `gap of ${name}`, ({ feed }) => feed.onGap(name, 0, 'positions'));
  }

  /** A hit costs nothing; a miss joins the read that is under way, or begins one. */
  #gets(state: VisibilityState, p: number, pod: VisiblePod, visit: Visit<VisibilityState>): void {
    const { fill } = pod;
    if (pod.route < 0) return;
    const min = state.isVisible && this.#owes(pod) ? this.#token : 0;
    if (fill === null) {
      const begun = pod.held >= 0 ? undefined : spent(state, 'fills');
      const { isTailing, followed } = pod;
      const fresh: VisibleFill = { read: -1, min, touched: false, isPlaced: isTailing, followed: followed >= 0 };
      if (begun !== undefined) visit(this.#with(begun, p, { ...pod, fill: fresh }), `pod ${p} begins to read L2`);
      return;
    }
    if (pod.held < 0 && fill.min < min && this.#pods.isJoinable(pod))
      visit(this.#with(state, p, { ...pod, fill: { ...fill, min } }), `pod ${p}: a get joins the read of L2`);
    if (fill.read < 0)
      return visit(
        this.#with(state, p, { ...pod, fill: { ...fill, read: state.last } }),
        `pod ${p} reads #${state.last}`,
      );
    const after = this.#pods.act(pod, `ends its read of #${fill.read}`, (awake) => {
      if (awake.fill !== undefined) awake.coherence.completeFill(awake.fill, imageOf(fill.read));
      awake.fill = undefined;
    });
    const isOld = fill.read < fill.min;
    const fault = isOld ? `pod ${p} returns #${fill.read}, after #${this.#token} was called visible` : state.fault;
    visit({ ...this.#with(state, p, after), fault }, `pod ${p} returns #${fill.read}`);
  }

  #reports(state: VisibilityState, p: number, pod: VisiblePod, visit: Visit<VisibilityState>): void {
    if (pod.route < 0) return;
    const { sent, isTaken } = pod;
    if (sent === null) {
      const begun = pod.isRegistered ? spent(state, 'reports') : state;
      const progress = this.#pods.reportOf(pod);
      const isNews = state.reported[p]?.progress !== progress || state.reported[p]?.at !== state.now;
      if (begun !== undefined && isNews)
        visit(this.#with(begun, p, { ...pod, sent: progress }), `pod ${p} sends a report: ${progress}`);
    } else if (isTaken) {
      const { fault } = this.#options;
      const heard = { ...pod, sent: null, isTaken: false, isRegistered: true };
      const isFirst = !pod.isRegistered && fault !== 'no-new-generation';
      const after = isFirst ? this.#registered(heard, fault === 'keeps-flights') : heard;
      visit(this.#with(state, p, after), `pod ${p} hears that its report was taken`);
    } else {
      const reported = state.reported.with(p, { progress: sent, at: state.now });
      const taken = this.#with(state, p, { ...pod, isTaken: true });
      visit({ ...taken, reported, lastReport: state.now, lastReporter: p }, `pod ${p}’s report is taken`);
    }
  }

  #registered(pod: VisiblePod, keepsFlights: boolean): VisiblePod {
    const after = this.#pods.act(pod, 'registers', ({ feed }) => feed.onRegistered());
    return keepsFlights ? { ...after, fill: pod.fill } : after;
  }

  #ends(state: VisibilityState, p: number, pod: VisiblePod, visit: Visit<VisibilityState>): void {
    const gone = (after: VisibilityState): VisibilityState =>
      this.#with(after, p, { ...newPod, isAlive: false, isPast: pod.isPast });
    this.#given(state, 'deaths', visit, `pod ${p} ends at once`, gone);
    if (pod.isRegistered && pod.sent === null)
      this.#given(state, 'leaves', visit, `pod ${p} takes its leave`, (after) => ({
        ...gone(after),
        reported: after.reported.with(p, null),
        lastReport: after.now,
        lastReporter: p,
      }));
  }
}

const newPod: VisiblePod = {
  ...{ isAlive: true, route: -1, isTailing: false, offsets: [-1, -1], followed: -1, since: [-1, -1], progress: -1 },
  ...{ held: -1, fill: null, isRegistered: false, sent: null, isTaken: false, isExempt: false, isPast: false },
};

const livePod: VisiblePod = {
  ...newPod,
  ...{ route: 0, isTailing: true, offsets: [0, -1], followed: 0, since: [1, -1], held: 0, isRegistered: true },
};

/** Its position in a topic, if it still listens there. */
function moved({ offsets }: VisiblePod, topic: number, offset: number): readonly number[] {
  return (offsets[topic] ?? -1) < 0 ? offsets : offsets.with(topic, offset);
}

function told(record: number): string {
  return record === ask ? 'what asks for reports' : record === other ? 'another record' : `the event to #${record}`;
}
