import { type PartitionState } from './partition-state.js';

/**
 * An operation on one key that is waiting for L2. Anything that happens to the key meanwhile makes it dirty, and a dirty operation
 * installs nothing: its answer may be older than what has happened.
 */
export interface Fence {
  readonly key: string;
  readonly partition: PartitionState | undefined;
  readonly generation: number;
  /** Set for a put: its own event is what it expects, and does not dirty it. */
  readonly writeId: string | undefined;
  /** Whether its partition was followed when it began: what it brings may be kept only then. */
  readonly followed: boolean;
  dirty: boolean;
}

/** The operations in flight, by key. Costs nothing on a hit. */
export class Fences {
  readonly #byKey = new Map<string, Set<Fence>>();

  /** Opens a fence. `partition` is `undefined` while the table is not followed. */
  open(key: string, partition: PartitionState | undefined, writeId?: string): Fence {
    const followed = partition?.open === true;
    const fence: Fence = { key, partition, generation: partition?.generation ?? -1, writeId, followed, dirty: false };
    const fences = this.#byKey.get(key);
    if (fences === undefined) this.#byKey.set(key, new Set([fence]));
    else fences.add(fence);
    return fence;
  }

  /** Closes a fence; whether it stayed clean. */
  close(fence: Fence): boolean {
    const fences = this.#byKey.get(fence.key);
    fences?.delete(fence);
    if (fences?.size === 0) this.#byKey.delete(fence.key);
    return isClean(fence);
  }

  /** Marks what is in flight for `key` as dirty, save the put of `exceptWriteId`. */
  dirty(key: string, exceptWriteId?: string | null): void {
    const fences = this.#byKey.size === 0 ? undefined : this.#byKey.get(key);
    if (fences === undefined) return;
    for (const fence of fences) if (fence.writeId === undefined || fence.writeId !== exceptWriteId) fence.dirty = true;
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  get size(): number {
    return this.#byKey.size;
  }
}

/** Whether the fence's answer may be kept: its partition was followed from its beginning, and nothing has touched its key. */
export function isClean(fence: Fence): boolean {
  return fence.followed && isUntouched(fence);
}

/** Whether this pod knows of nothing that has happened to the fence's key, and no flush of its partition, since it began. */
export function isUntouched(fence: Fence): boolean {
  return !fence.dirty && (fence.partition?.generation ?? -1) === fence.generation;
}
