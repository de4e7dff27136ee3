import { type DestinationLook } from './ports.js';
import { clockSkewMs } from './watermark.js';

/**
 * What a look at a table's streaming destination means for the table's watermark.
 *
 * While a destination is not active, DynamoDB carries no change of the table into the stream, and none of them comes later: a hole. AWS tells
 * the status of the moment and no time of any change, so a hole that opened and closed between two looks shows only in what else has changed,
 * or is ruled out because the looks were too close to each other for it (docs/adr/0007).
 *
 * `withhold`: changes are being lost now. `flush`: some may have been lost; flush the table, then go on. `go-on`: none was.
 */
export type DestinationVerdict =
  | { readonly type: 'withhold'; readonly why: string }
  | { readonly type: 'flush'; readonly why: FlushReason }
  | { readonly type: 'go-on' };

export type FlushReason =
  'destination-never-seen' | 'destination-was-not-active' | 'destination-changed' | 'destination-not-watched';

/** `answeredAt`: when the look was answered, ms since the epoch. `apartMsMax`: no destination is disabled and enabled again within less. */
export function destinationVerdict(
  before: DestinationLook | undefined,
  look: DestinationLook,
  answeredAt: number,
  apartMsMax: number,
): DestinationVerdict {
  if (look.status !== 'ACTIVE') return { type: 'withhold', why: look.status };
  if (before === undefined) return { type: 'flush', why: 'destination-never-seen' };
  if (before.status !== 'ACTIVE') return { type: 'flush', why: 'destination-was-not-active' };
  if (before.precision !== look.precision || before.description !== look.description)
    return { type: 'flush', why: 'destination-changed' };
  const apartMs = answeredAt - before.lookedAt;
  return apartMs > apartMsMax || apartMs < -clockSkewMs
    ? { type: 'flush', why: 'destination-not-watched' }
    : { type: 'go-on' };
}
