import { type Coherence, type CoherenceOptions, type visibilityOf } from '@tidemark/cache/internals';

/** How much may happen between a write and the moment when it is called visible, and what a checker takes away. Counts default to 0. */
export interface VisibilityOptions {
  /** Pods that hold the key, follow it and are known at the beginning, and pods that start at some time. */
  readonly pods: readonly ('live' | 'new')[];
  readonly writes: number;
  /** The write that is waited for; default the last. */
  readonly token?: number;
  /** Reads of L2, by all pods. */
  readonly fills?: number;
  /** Records of other keys of the partition. */
  readonly others?: number;
  /** Events that are published twice. */
  readonly duplicates?: number;
  /** Reports beyond a pod's first. */
  readonly reports?: number;
  /** Times that a pod's feed comes back at the end of its topic. */
  readonly gaps?: number;
  /** Pods that end at once, and pods that take their leave. */
  readonly deaths?: number;
  readonly leaves?: number;
  /** Times that 6 s pass for the pods topic. */
  readonly ticks?: number;
  /** Whether the table moves to another topic. */
  readonly moves?: boolean;
  /** Which of the routes there is at the beginning; default the first. */
  readonly route?: number;
  /** Whether the pod that waits made the write itself: else it asks by an invalidation. Default: it did. */
  readonly asks?: 'transition' | 'invalidation';
  readonly decide?: typeof visibilityOf;
  /** What each pod has instead of the shipped `Coherence`. */
  readonly make?: (options: CoherenceOptions) => Coherence;
  readonly fault?: VisibilityFault;
}

/** What the checker does wrong around the shipped code. */
export type VisibilityFault =
  /** Registering changes nothing. */
  | 'no-new-generation'
  /** Registering drops entries, and what is in flight stays clean. */
  | 'keeps-flights'
  /** Progress counts in every topic that is listened to. */
  | 'both-topics'
  /** Progress is noted before the record is carried out. */
  | 'progress-first'
  /** A position that jumped goes unseen. */
  | 'gap-unseen'
  /** What is published asks for reports and nothing else. */
  | 'bare-ask'
  /** The pods topic is not read to its end: its last report is missed. */
  | 'short-read';

export const tickMs = 6_000;
