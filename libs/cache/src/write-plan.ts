import { isWriteId, type ItemImage, type Payload, type WriteClock, type WriteId } from '@tidemark/protocol';
import { type WriteCondition } from './backend.js';

/** What a write asks of the state it meets. */
export type WriteIntent =
  /** A put or delete: wins over whatever stands there, unless a newer put or delete overtakes it twice. */
  | { readonly type: 'replace' }
  /** Only where no live value stands. */
  | { readonly type: 'if-absent' }
  /** Only over exactly this write. */
  | { readonly type: 'if-version'; readonly writeId: string }
  /** The result of a load, while its lease stands. `base`: write id of the leased item. */
  | { readonly type: 'leased'; readonly leaseId: string; readonly base: string | null };

/** One attempt: its own write id, and the condition under which it may be made. */
export interface Attempt {
  readonly writeId: WriteId;
  readonly condition: WriteCondition;
}

/** What a refusal means for the write. */
export type Refusal =
  | {
      readonly type: 'retry';
      readonly attempt: Attempt;
      /** Whether a real put or delete stood in the way. */ readonly final: boolean;
    }
  | { readonly type: 'ended'; readonly reason: 'exists' | 'version-mismatch' | 'lease-lost' };

/** `nowMs`: wall clock, ms since the epoch. */
export function firstAttempt(intent: WriteIntent, clock: WriteClock, nowMs: number): Attempt {
  switch (intent.type) {
    case 'replace': {
      const writeId = clock.mint();
      return { writeId, condition: { type: 'newer', than: writeId } };
    }
    case 'if-absent': {
      const writeId = clock.mint();
      return { writeId, condition: { type: 'absent', than: writeId, now: seconds(nowMs) } };
    }
    case 'if-version':
      return {
        writeId: idPast(intent.writeId, clock) ?? clock.mint(),
        condition: { type: 'matches', writeId: intent.writeId, now: seconds(nowMs) },
      };
    case 'leased':
      return {
        writeId: idPast(intent.base, clock) ?? clock.mint(),
        condition: { type: 'leased', leaseId: intent.leaseId },
      };
  }
}

/** What to do after the condition failed on `winner`, what stands there. */
export function afterRefusal(
  intent: WriteIntent,
  winner: ItemImage | undefined,
  clock: WriteClock,
  nowMs: number,
): Refusal {
  if (intent.type === 'if-version') return { type: 'ended', reason: 'version-mismatch' };
  if (intent.type === 'leased') return { type: 'ended', reason: 'lease-lost' };
  if (intent.type === 'if-absent' && isLive(winner, nowMs)) return { type: 'ended', reason: 'exists' };
  return { type: 'retry', attempt: past(intent, winner, clock, nowMs), final: isFinal(winner) };
}

/** Whether the item holds a value that has not expired. */
export function isLive(item: ItemImage | undefined, nowMs: number): item is ItemImage & { readonly value: Payload } {
  return item !== undefined && item.value !== null && (item.expiresAt === null || item.expiresAt > seconds(nowMs));
}

/** DynamoDB's expiry is in whole seconds. */
function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}

/** A fresh id and a condition that get past what stands there. */
function past(intent: WriteIntent, winner: ItemImage | undefined, clock: WriteClock, nowMs: number): Attempt {
  const seen = winner?.writeId ?? null;
  const writeId = idPast(seen, clock);
  if (writeId === undefined) return { writeId: clock.mint(), condition: { type: 'replaces', writeId: seen ?? '' } };
  return intent.type === 'if-absent'
    ? { writeId, condition: { type: 'absent', than: writeId, now: seconds(nowMs) } }
    : { writeId, condition: { type: 'newer', than: writeId } };
}

/**
 * A fresh id above `seen`. One within the clock's bound moves the clock; one beyond it is out-bid for its key alone; `undefined`
 * for a malformed one, which nothing is above.
 */
function idPast(seen: string | null, clock: WriteClock): WriteId | undefined {
  if (seen === null) return clock.mint();
  if (!isWriteId(seen)) return undefined;
  return clock.merge(seen) ? clock.mint() : clock.above(seen);
}

/** Whether the winner is a real put or delete; a loaded value or a leased tombstone never supersedes a put. */
function isFinal(winner: ItemImage | undefined): boolean {
  return winner !== undefined && !winner.loaded && winner.leaseId === null;
}
