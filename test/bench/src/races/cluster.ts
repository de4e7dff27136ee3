import { type BusLink } from './bus-link.js';
import { type L2Link } from './l2-link.js';

/** One pod: one instance of a library, used through its public API alone, and its two connections. */
export interface Pod extends PodCache {
  readonly l2: L2Link;
  readonly bus: BusLink;
}

/** What every library can do, under one set of names. */
export interface PodCache {
  /** Reads through both levels. */
  get(key: string): Promise<string | undefined>;
  /** Writes through both levels; may reject where the library says that it could not. */
  put(key: string, value: string): Promise<void>;
  /** Reads through both levels, and fills them by `load` when neither has the key. */
  load(key: string, load: () => Promise<string>): Promise<string | undefined>;
  /** Empties both levels. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** The pods of one library over one L2 and one bus. */
export interface Cluster {
  /** A pod with an empty L1. */
  startPod(): Promise<Pod>;
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
  /** Lets `ms` of the library's time pass. */
  pass(ms: number): Promise<void>;
  /** Nothing gets through the bus, in either direction, until it is up again; what is published meanwhile waits, or is refused at once. */
  busDown(publishing: 'waits' | 'fails'): void;
  /** Every pod is connected again before anything is sent: the order that loses least. */
  busUp(): void;
  close(): Promise<void>;
}

/** What a library may lack, so that a race over it shows nothing. */
export type Need = 'bus' | 'remote clear';

/** A library as it takes part in the races: one adapter. */
export interface Library {
  readonly name: string;
  /** How it was set up, a line each. */
  readonly settings: readonly string[];
  /** What it lacks, with the reason. */
  readonly lacks: Partial<Record<Need, string>>;
  open(): Cluster;
}
