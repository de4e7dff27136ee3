import { type HistoryRecorder } from '@tidemark/cache/testing';
import { type LivePod } from '../roles/pod-slot.js';
import { type Trace } from '../time/trace.js';
import { type Counters } from '../world/counters.js';
import { type GlobalTable } from '../world/global-table.js';
import { invalidate, whenVisible } from './calls.js';
import { type KnownWrites } from './known-writes.js';
import { getOrLoad } from './loads.js';
import { type WorldConfig } from './plan.js';
import { get, getAtLeast, getFresh, getMany } from './reads.js';
import { putIfVersion, putMany, remove, write } from './writes.js';

/** What a pod's callers may ask for. A new operation is a name here and an entry in `operations`. */
export type OperationName =
  | 'get'
  | 'getMany'
  | 'getFresh'
  | 'getAtLeast'
  | 'getOrLoad'
  | 'put'
  | 'putIfAbsent'
  | 'putIfVersion'
  | 'putMany'
  | 'delete'
  | 'whenVisible'
  | 'invalidate'
  | 'invalidateEverywhere';

export interface OperationContext {
  readonly config: WorldConfig;
  readonly recorder: HistoryRecorder;
  readonly table: GlobalTable;
  readonly trace: Trace;
  readonly counters: Counters;
  readonly knownWrites: KnownWrites;
  /** Whether `whenVisible` may speak too soon in the region of this process. */
  readonly visibilityInDoubt: (life: string) => boolean;
  /** The life that has this id among the pods. */
  readonly lifeOf: (podId: string) => string;
}

/** What is asked, and of which keys. */
export interface Asked {
  readonly keys: readonly string[];
  /** The first of them. */
  readonly key: string;
  /** In [0, 1): how, or how long, as the operation has it. */
  readonly amount: number;
}

interface Operation {
  /** How often it is drawn. */
  readonly weight: number;
  readonly keysMax: number;
  /** Begins it in the pod's own turn; resolves when it has ended, whatever came of it. */
  readonly run: (pod: LivePod, asked: Asked, context: OperationContext) => Promise<void>;
}

export const operations: Readonly<Record<OperationName, Operation>> = {
  get: { weight: 52, keysMax: 1, run: get },
  getMany: { weight: 7, keysMax: 4, run: getMany },
  getFresh: { weight: 4, keysMax: 1, run: getFresh },
  getAtLeast: { weight: 5, keysMax: 1, run: getAtLeast },
  getOrLoad: { weight: 10, keysMax: 1, run: getOrLoad },
  put: { weight: 18, keysMax: 1, run: write('put') },
  putIfAbsent: { weight: 4, keysMax: 1, run: write('putIfAbsent') },
  putIfVersion: { weight: 4, keysMax: 1, run: putIfVersion },
  putMany: { weight: 2, keysMax: 4, run: putMany },
  delete: { weight: 7, keysMax: 1, run: remove },
  whenVisible: { weight: 5, keysMax: 1, run: whenVisible },
  invalidate: { weight: 3, keysMax: 1, run: invalidate('region') },
  invalidateEverywhere: { weight: 2, keysMax: 1, run: invalidate('everywhere') },
};
