import { type WriteAsks } from '@tidemark/cache/testing';

/** How a pod's process is started, in its only argument. */
export interface PodConfiguration {
  readonly region: string;
  /** Unique to this start. */
  readonly life: string;
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  readonly dynamodbEndpoint: string;
}

/** A fault that is planted in a pod, to show that it is found. */
export type Plant = 'skips-events' | 'sees-no-watermarks' | 'rejects-unhandled';

/** Reads and writes at random, until it is told to rest. */
export interface Load {
  readonly keys: readonly string[];
  readonly seed: number;
  /** Mean time between two calls, ms. */
  readonly pauseMs: number;
}

/** What a pod is asked to do; the answer to each is a `PodAnswer`. */
export type PodTask =
  | { readonly do: 'load'; readonly load: Load }
  /** Ends the load; answered when its last call has ended and all that was recorded is sent. */
  | { readonly do: 'rest' }
  /** What `get` serves of each key; recorded where `isRecorded`. */
  | { readonly do: 'serve'; readonly keys: readonly string[]; readonly isRecorded: boolean }
  /** What L1 holds of each key. */
  | { readonly do: 'hold'; readonly keys: readonly string[] }
  | { readonly do: 'tell' }
  /** Plants a fault in it, for the rest of its life. */
  | { readonly do: 'plant'; readonly plant: Plant };

export interface Told {
  readonly state: string;
  /** `null` before the first watermark. */
  readonly stalenessMs: number | null;
  /** Events that its cache was handed so far. */
  readonly events: number;
  readonly hits: number;
  /** By its own clock, ms since the epoch. */
  readonly now: number;
}

/** `undefined` in JSON is no value: a key of which L1 holds nothing is left out, one that could not be read has its error's code. */
export interface PodAnswer {
  readonly values?: Readonly<Record<string, string | null>>;
  readonly errors?: Readonly<Record<string, string>>;
  readonly told?: Told;
}

/** What a pod's caller did and saw. `at`: ms of the machine's monotonic clock, which all its processes share. */
export type PodEvent =
  | {
      readonly type: 'read';
      readonly at: number;
      readonly id: number;
      readonly key: string;
      readonly watermark: number | null;
    }
  | {
      readonly type: 'served';
      readonly at: number;
      readonly id: number;
      readonly value: string | null;
      readonly from: 'l1' | 'l2';
    }
  | { readonly type: 'failed'; readonly at: number; readonly id: number; readonly code: string }
  | {
      readonly type: 'write';
      readonly at: number;
      readonly id: number;
      readonly operation: 'put' | 'putIfAbsent' | 'delete';
      readonly key: string;
      readonly value: string | null;
      readonly condition: WriteAsks | null;
    }
  | {
      readonly type: 'wrote';
      readonly at: number;
      readonly id: number;
      readonly result: 'applied' | 'refused' | 'ambiguous';
      readonly reason: string;
      readonly version: string | null;
    };

export type FromPod =
  | { readonly type: 'live' }
  | { readonly type: 'events'; readonly events: readonly PodEvent[] }
  | { readonly type: 'answer'; readonly id: number; readonly answer: PodAnswer };

export interface ToPod {
  readonly type: 'task';
  readonly id: number;
  readonly task: PodTask;
}

/** Ms of the machine's monotonic clock. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The cache of every pod. */
export const table = 'things';
export const cacheName = 'things';
export const maxStalenessMs = 4_000;
