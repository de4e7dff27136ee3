import { Coherence, type CoherenceOptions, type Fence, visibilityOf } from '@tidemark/cache/internals';
import { type VisibilityOptions } from './visibility-options.js';

/** A safeguard taken away, and the least that shows what it is for. */
export interface VisibilityRemoval {
  /** The hazard, and what is missing. */
  readonly name: string;
  readonly options: VisibilityOptions;
  readonly breaks: RegExp;
}

const serves = /^pod \d serves #/;
const returns = /^pod \d returns #/;
const either = /^pod \d (serves|returns) #/;
const misnamed = /^pod \d is (not named once|called)/;

class FlushKeepsEntries extends Coherence {
  override flush(): number {
    return 0;
  }
}

class DirtyReadsAreJoined extends Coherence {
  override joinable(): boolean {
    return true;
  }
}

/** Events and invalidations leave the reads clean that are under way. */
class EventsDirtyNothing extends Coherence {
  readonly #open = new Set<Fence>();

  override beginFill(key: string): Fence {
    const fence = super.beginFill(key);
    this.#open.add(fence);
    return fence;
  }

  override applyEvent(...event: Parameters<Coherence['applyEvent']>): ReturnType<Coherence['applyEvent']> {
    const before = [...this.#open].map((fence) => [fence, fence.dirty] as const);
    const verdict = super.applyEvent(...event);
    for (const [fence, dirty] of before) fence.dirty = dirty;
    return verdict;
  }
}

const make =
  (Removed: new (options: CoherenceOptions) => Coherence) =>
  (options: CoherenceOptions): Coherence =>
    new Removed(options);

const starts = { pods: ['new'], writes: 1, fills: 1 } as const;

export const visibilityRemovals: readonly VisibilityRemoval[] = [
  {
    name: 'hazard 64: registering changes nothing',
    options: { ...starts, fault: 'no-new-generation' },
    breaks: either,
  },
  {
    name: 'hazard 64: registering keeps what is held',
    options: { ...starts, make: make(FlushKeepsEntries) },
    breaks: serves,
  },
  {
    name: 'hazard 64: registering leaves the reads clean that are under way',
    options: { ...starts, fault: 'keeps-flights' },
    breaks: either,
  },
  {
    name: 'hazard 64: a get joins a read that began before others knew of the pod',
    options: { ...starts, make: make(DirtyReadsAreJoined) },
    breaks: returns,
  },
  {
    name: 'hazard 64: the pods topic is not read to its end',
    options: { ...starts, fault: 'short-read' },
    breaks: either,
  },
  {
    name: 'hazard 64: a pod that follows nothing yet counts as past every place',
    options: {
      ...starts,
      decide: (snapshot, place) => {
        const { past, missing, silent } = visibilityOf(snapshot, place);
        const idle = snapshot.pods.flatMap(({ report }) =>
          report.tables[place.table]?.progress.length === 0 ? [report.pod] : [],
        );
        return { past: [...past, ...idle], missing: missing.filter((pod) => !idle.includes(pod)), silent };
      },
    },
    breaks: misnamed,
  },
  {
    name: 'hazard 65: progress over two topics is added up',
    options: { pods: ['live'], writes: 1, others: 1, reports: 1, moves: true, fault: 'both-topics' },
    breaks: serves,
  },
  {
    name: 'hazard 65: what is published asks for reports, and is not the transition',
    options: { pods: ['live'], writes: 1, reports: 1, fault: 'bare-ask' },
    breaks: serves,
  },
  {
    name: 'hazard 65: progress is noted before the record is carried out',
    options: { pods: ['live'], writes: 1, reports: 1, fault: 'progress-first' },
    breaks: misnamed,
  },
  {
    name: 'hazard 26: a position that jumped goes unseen',
    options: { pods: ['live'], writes: 1, others: 1, reports: 1, gaps: 1, fault: 'gap-unseen' },
    breaks: serves,
  },
  {
    name: 'hazard 1: an event leaves the reads clean that are under way',
    options: { ...starts, reports: 1, make: make(EventsDirtyNothing) },
    breaks: serves,
  },
  {
    name: 'hazard 65: a silent pod is not named',
    options: {
      ...{ pods: ['live', 'live'], writes: 1, reports: 1, ticks: 2 },
      decide: (snapshot, place) => ({ ...visibilityOf(snapshot, place), silent: [] }),
    },
    breaks: misnamed,
  },
];
