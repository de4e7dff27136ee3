import {
  decodePodReport,
  decodeRoute,
  type KeyRange,
  type PodReport,
  type Route,
  targetsOf,
  type WireRecord,
} from '@tidemark/protocol';
import { epochMs } from '../time/sim-process.js';
import { names, table } from './names.js';

interface Reported {
  readonly atMs: number;
  readonly report: PodReport;
}

/** A pod that has told the same for so long, ms, must have been in what an admin read before it ended a move; it bounds that, and the change itself. */
const steadyMs = 7_000;
/** A pod is silent where two of its reports are further apart, ms. */
const apartMs = 4_500;

/** What the routing topic and the pods topic have been told, as the brokers know it. */
export class RouteWatch {
  /** Moves that ended although a pod needed what they gave up. */
  readonly problems: string[] = [];
  readonly #onMoveEnd: (how: string) => void;
  readonly #onLimited: () => void;
  readonly #reports = new Map<string, Reported[]>();
  #route: Route | undefined;
  #epoch = 0;

  /** `onMoveEnd`: a move ended, and how. `onLimited`: a pod has said that it follows a topic that is not for everybody. */
  constructor(onMoveEnd: (how: string) => void, onLimited: () => void) {
    this.#onMoveEnd = onMoveEnd;
    this.#onLimited = onLimited;
  }

  /** The table's route. */
  get route(): Route | undefined {
    return this.#route;
  }

  /** Highest epoch of any writer. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Each topic of the table, and since when it has carried it. */
  get topics(): Readonly<Record<string, number>> {
    return this.#route?.topics ?? {};
  }

  /** Whether a topic gets events of the table, all or some. */
  carries(topic: string): boolean {
    return targetsOf(this.#route).some((target) => target.topic === topic);
  }

  /** The table moves, or is paused. */
  get inMotion(): boolean {
    return this.#route?.move !== undefined || this.#route?.paused === true;
  }

  noteRoute({ value }: WireRecord, atMs: number): Route | undefined {
    const decoded = decodeRoute(value);
    if (!decoded.ok || decoded.route.writerEpoch < this.#epoch) return undefined;
    const { route } = decoded;
    const before = this.#route;
    this.#route = route;
    this.#epoch = route.writerEpoch;
    if (before?.move !== undefined && route.changedBy === 'move') this.#noteEnd(before, route, atMs);
    return route;
  }

  noteReport({ value }: WireRecord, atMs: number): void {
    const decoded = decodePodReport(value);
    if (!decoded.ok) return;
    const { report } = decoded;
    const { limited = {} } = this.#route ?? {};
    if (report.tables[table]?.topics.some((topic) => topic !== null && topic in limited) === true) this.#onLimited();
    const kept = (this.#reports.get(report.pod) ?? []).filter((each) => each.atMs > atMs - 2 * steadyMs);
    if (report.leaving) this.#reports.delete(report.pod);
    else this.#reports.set(report.pod, [...kept, { atMs, report }]);
  }

  #noteEnd(before: Route, after: Route, atMs: number): void {
    const inTime = epochMs + atMs < (before.move?.until ?? 0);
    if (after.writerEpoch > before.writerEpoch) this.#onMoveEnd('by another admin than began it');
    this.#onMoveEnd(inTime ? 'once the pods had followed' : 'when its time was over');
    if (!inTime) return;
    const kept = new Set(targetsOf(after).map(({ topic }) => topic));
    for (const [pod, reports] of this.#reports)
      if (isLeftBehind(reports, kept, atMs)) this.problems.push(`a move of ${table} has left pod ${pod} behind`);
  }
}

/** Whether a pod has said all the time, and without a pause, that it needs other topics than `kept`. */
function isLeftBehind(reports: readonly Reported[], kept: ReadonlySet<string>, nowMs: number): boolean {
  const before = reports.filter(({ atMs }) => atMs <= nowMs - steadyMs).at(-1);
  if (before === undefined) return false;
  const steady = [before, ...reports.filter(({ atMs }) => atMs > before.atMs)];
  const isSilent = steady.some(({ atMs }, index) => (steady[index + 1]?.atMs ?? nowMs) - atMs > apartMs);
  return !isSilent && steady.every(({ report }) => needsOthers(report, kept));
}

function needsOthers({ tables }: PodReport, kept: ReadonlySet<string>): boolean {
  const topics = tables[table]?.topics ?? [];
  return topics.length > 0 && topics.some((topic) => topic !== null && !kept.has(topic));
}

/** A route as a reader of the story wants it. */
export function showRoute(route: Route): string {
  const { move, paused, rewind } = route;
  const shown = targetsOf(route).map(({ topic, since, services = [], buckets = [] }) => {
    const limits = services.length + buckets.length === 0 ? '' : ` for ${[...services, ...buckets].join(', ')} alone`;
    return `${topic.slice(names.prefix.length + 1)} since ${since}${limits}`;
  });
  const notes = [
    rewind === undefined ? [] : [`rewound ${rewind.id} to ${rewind.to - epochMs} ms${showKeys(rewind.keys)}`],
    move === undefined ? [] : [`on its way to ${move.to.slice(names.prefix.length + 1)}`],
    paused === true ? ['paused'] : [],
  ].flat();
  return [shown.join(', '), ...notes].join('; ');
}

function showKeys(keys: KeyRange | undefined): string {
  return keys === undefined ? '' : ` from ${keys.from} to ${keys.to}`;
}
