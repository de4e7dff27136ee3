import { type OperationName } from './operations.js';

/** Everything that decides a run: the same plan is the same run, to the byte. */
export interface Plan {
  readonly seed: number;
  readonly world: WorldConfig;
  readonly operations: readonly PlannedOperation[];
  readonly faults: readonly PlannedFault[];
  /** Faults end then, and everything is given time to come to rest; ms. */
  readonly endMs: number;
}

export interface WorldConfig {
  readonly partitions: number;
  readonly shards: number;
  readonly mode: 'update' | 'invalidate';
  /** What a deletion leaves; `null`: as the pod has loaded before or not. */
  readonly deletes: 'remove' | 'tombstone' | null;
  /** Whether a key that an event drops is read again at once. */
  readonly refresh: boolean;
  /** What the cache promises about the age of what it serves, ms; `null`: nothing. */
  readonly maxStalenessMs: number | null;
  /** Whether pods tell each other of their writes ahead of the change log. */
  readonly fastLane: boolean;
  /** Of one pod's L1: few, so that keys push each other out, or enough. */
  readonly maxEntries: number;
  /** Time between two reads of a shard that has nothing new, ms. */
  readonly pollMs: number;
  /** How many pages after its last record a closed shard says that it is closed. */
  readonly closesAfter: number;
  /** Of the stream, ms. */
  readonly retentionMs: number;
  /** Mean time to the other region, ms. */
  readonly replicationMs: number;
  /** Mean time from a change to the stream, ms. */
  readonly captureMs: number;
  /** How far the stamp of a change record may be from the time of the change, ms. */
  readonly stampErrorMs: number;
  /** Mean time of one way between a process and a service, ms. */
  readonly latencyMs: { readonly dynamodb: number; readonly kafka: number; readonly kinesis: number };
  /** What a caller waits for a read, and for a write, ms. */
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** What it waits for a load, and how long a lease holds, ms. */
  readonly loadTimeoutMs: number;
  /** How far clocks of processes are from true time, ms. */
  readonly clockErrorMs: number;
}

export interface PlannedOperation {
  readonly id: number;
  readonly atMs: number;
  readonly name: OperationName;
  /** `us/pod-0`. */
  readonly pod: string;
  readonly keys: readonly string[];
  /** In [0, 1): how, or how long, as the operation has it. */
  readonly amount: number;
}

export interface PlannedFault {
  readonly id: number;
  readonly atMs: number;
  /** One of `faultNames`. */
  readonly name: string;
  /** A process, `us/sync-1`, or a region. */
  readonly target: string;
  readonly durationMs: number;
  /** In [0, 1): how hard, or which, as the fault has it. */
  readonly amount: number;
}
