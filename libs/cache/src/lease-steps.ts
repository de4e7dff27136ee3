import { type ItemImage, type Payload } from '@tidemark/protocol';
import { type LeaseOutcome } from './backend.js';
import { isLive } from './write-plan.js';

/** What a load does next; decided from what the last call to L2 said. */
export type LeaseStep =
  /** The lease is this attempt's: load, then install. `base`: write id of the leased item. */
  | { readonly type: 'load'; readonly base: string | null }
  /** A live value stands there. */
  | { readonly type: 'serve'; readonly image: ItemImage & { readonly value: Payload } }
  /** Somebody else loads: look again, at the latest when the lease ends (ms since the epoch). */
  | { readonly type: 'wait'; readonly until: number }
  /** Nothing stands in the way any more: claim again, under a fresh lease id. */
  | { readonly type: 'claim' };

/** After a claim whose answer came. */
export function afterClaim(outcome: LeaseOutcome, nowMs: number): LeaseStep {
  return outcome.type === 'acquired' ? { type: 'load', base: outcome.image.writeId } : lookAt(outcome.old, nowMs);
}

/**
 * After a strong read: of a claim whose answer was lost, when only a read that shows this very lease allows the load; of an install that
 * was refused; or while another pod loads (`leaseId` `undefined`).
 */
export function afterRead(item: ItemImage | undefined, leaseId: string | undefined, nowMs: number): LeaseStep {
  if (item !== undefined && item.leaseId !== null && item.leaseId === leaseId && item.value === null)
    return { type: 'load', base: item.writeId };
  return lookAt(item, nowMs);
}

function lookAt(item: ItemImage | undefined, nowMs: number): LeaseStep {
  if (isLive(item, nowMs)) return { type: 'serve', image: item };
  const until = item === undefined || item.leaseId === null ? null : item.leaseUntil;
  return until !== null && until > nowMs ? { type: 'wait', until } : { type: 'claim' };
}
