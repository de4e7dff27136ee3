import { type Coherence, type TableFollower } from '@tidemark/cache/internals';
import { type TopicLimit } from '@tidemark/protocol';

/** Topics of a route → since which version, and of which buckets where it is limited to some. The pod's one key is of `things`. */
export type Topics = Readonly<Record<string, number | TopicLimit>>;

/** How much may happen to one partition of one table, and what a checker takes away. Counts default to 0, flags to false. */
export interface RouteOptions {
  /** The routes that the table has, one after the other. */
  readonly routes: readonly Topics[];
  readonly writes: number;
  /** Watermarks that reach the table topic. */
  readonly marks?: number;
  readonly fills: number;
  readonly rebalances?: number;
  /** Records that a dispatcher sends after another has taken its partition. */
  readonly zombieRecords?: number;
  /** Dispatchers that end with a record sent into the first of several topics alone. */
  readonly partialSends?: number;
  /** Announcements beyond those that the pod waits for. */
  readonly announcements?: number;
  /** Times that the pod's feed comes back at the end of its topics. */
  readonly reconnections?: number;
  /** Times that the partition is rewound, to any place. */
  readonly rewinds?: number;
  /** They are for keys that are not the pod's. Default: for all keys. */
  readonly rewindsOthers?: boolean;
  /** The pod is not there at the beginning. */
  readonly podStarts?: boolean;
  /** What the pod follows the table with; default the shipped class. */
  readonly newFollower?: () => TableFollower;
  /** What a flush does to the pod's entries; default the shipped class. */
  readonly newCoherence?: (options: ConstructorParameters<typeof Coherence>[0]) => Coherence;
  readonly fault?: RouteFault;
}

/** What the checker does wrong around the shipped classes. */
export type RouteFault =
  /** The routes are not read to their end when a partition is assigned. */
  | 'no-barrier'
  /** Every announcement says the same version. */
  | 'one-since'
  /** Records are committed before they are sent. */
  | 'commit-first'
  /** A position that jumped goes unseen. */
  | 'gap-unseen'
  /** A rewind goes where it is told to, be that beyond what was handled. */
  | 'rewinds-forward'
  /** A replay is said to end one record later than it does. */
  | 'replays-beyond';
