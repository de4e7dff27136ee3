import { type ClaimCondition } from '@tidemark/cache/internals';
import { type WriteCondition } from '@tidemark/cache';
import { type WriteId, writeImage } from '@tidemark/protocol';
import { type LoadFault, callTicks } from './load-options.js';
import { type LoadRules } from './load-rules.js';
import {
  absent,
  type ConditionType,
  idTextOf,
  imageOf,
  type Item,
  leaseText,
  type LoadState,
  msOf,
} from './load-state.js';

/** What L2 does with the item: the shipped conditions on the item as DynamoDB holds it, and what each request makes of it. */
export class LoadStore {
  readonly #conditionHolds: LoadRules['conditionHolds'];
  readonly #fault: LoadFault | undefined;

  constructor({ conditionHolds }: LoadRules, fault: LoadFault | undefined) {
    this.#conditionHolds = conditionHolds;
    this.#fault = fault;
  }

  admitsClaim(item: Item, at: number): boolean {
    return this.#admits(item, { type: 'claimable', nowMs: msOf(at) });
  }

  admits(item: Item, condition: ConditionType, id: number, lease: number): boolean {
    return this.#admits(item, written(condition, id, lease));
  }

  leased(item: Item, lease: number, at: number): Item {
    const until = this.#fault === 'endless-lease' ? 99 : at + callTicks;
    return { ...item, exists: true, value: 0, loaded: false, lease, until, expires: 0 };
  }

  /** The item without the lease; gone where it was made for it. */
  released(item: Item, lease: number, base: number): Item | undefined {
    if (!this.admits(item, 'leased', 0, lease)) return undefined;
    return base === 0 ? absent : { ...item, lease: 0, until: 0 };
  }

  deleted(item: Item, id: number, isMarked: boolean): Item {
    if (this.#fault === 'delete-in-place') return { ...item, id, value: 0 };
    return isMarked ? { ...absent, exists: true, id } : absent;
  }

  #admits(item: Item, condition: WriteCondition | ClaimCondition): boolean {
    const image = imageOf(item);
    return this.#conditionHolds(condition, image === undefined ? undefined : writeImage(image));
  }
}

/** The item becomes another one; `isWrite`: a put, a delete, a foreign write or an install, and not a lease. */
export function committed(state: LoadState, item: Item, isWrite: boolean): LoadState {
  const { log, pending, writes } = state;
  const after = { ...state, item, writes: isWrite ? writes + 1 : writes };
  const before = state.item;
  if (log.length === 0 || (!before.exists && !item.exists)) return after;
  const logged = { exists: item.exists, id: item.id, value: item.value };
  return { ...after, log: [...log, logged], pending: pending | (1 << log.length) };
}

function written(condition: ConditionType, id: number, lease: number): WriteCondition {
  if (condition === 'leased') return { type: 'leased', leaseId: leaseText(lease) };
  if (condition === 'newer') return { type: 'newer', than: (idTextOf(id) ?? '') as WriteId };
  return { type: 'replaces', writeId: idTextOf(-1) ?? '' };
}
