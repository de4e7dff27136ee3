import assert from 'node:assert/strict';
import { type Attributes, formatWriteId, type ItemImage, type WriteId } from '@tidemark/protocol';
import { type ErrorCode, isTidemarkError } from '@tidemark/runtime';
import {
  type LeaseClaim,
  type LeaseOutcome,
  type Store,
  type StoreCall,
  type WriteCondition,
  type WriteOutcome,
} from '../../backend.js';

/** A store to be put to the test, on the system's clock. */
export interface StoreSubject {
  readonly store: Store;
  /** Is there. Other cases may use it at the same time: each case has keys of its own. */
  readonly table: string;
  /** Puts an item without a condition, as a foreign writer would: DynamoDB's JSON, binary as bytes. */
  putForeign(item: Attributes): Promise<void>;
  /** From now until `close`, requests of `store` reach nothing and are not answered. */
  stall(): void;
  close(): Promise<void>;
}

/** Cases by name; each gets keys of its own: `key` and whatever begins with it. */
export type Cases = Readonly<Record<string, (subject: StoreSubject, key: string) => Promise<void>>>;

export const patient: StoreCall = { timeoutMs: 20_000 };

/** The time of every claim and condition, ms and whole seconds: far ahead, so that no table's own expiry takes an item away meanwhile. */
export const nowMs = 1_900_000_000_500;
export const now = 1_900_000_000;

export function writeIdAt(at: number): WriteId {
  return formatWriteId({ ms: 1_700_000_000_000 + at, counter: 0, incarnation: '00000000000000aa' });
}

export function imageAt(key: string, at: number, change: Partial<ItemImage> = {}): ItemImage {
  const value = JSON.stringify({ at });
  const given = { key, value, codec: 'json', writeId: writeIdAt(at), expiresAt: null, writtenBy: 'us-east-1' };
  return { ...given, tombstone: false, leaseId: null, leaseUntil: null, loaded: false, ...change };
}

/** Marked, and kept for a day. */
export function tombstoneAt(key: string, at: number): ItemImage {
  return imageAt(key, at, { value: null, codec: null, tombstone: true, expiresAt: now + 86_400 });
}

/** An item that holds nothing but what is given. */
export function bareAt(key: string, change: Partial<ItemImage> = {}): ItemImage {
  return imageAt(key, 0, { value: null, codec: null, writeId: null, writtenBy: null, ...change });
}

export function newer(at: number): WriteCondition {
  return { type: 'newer', than: writeIdAt(at) };
}

export function replaces(writeId: string): WriteCondition {
  return { type: 'replaces', writeId };
}

export function absent(at: number): WriteCondition {
  return { type: 'absent', than: writeIdAt(at), now };
}

export function matches(at: number): WriteCondition {
  return { type: 'matches', writeId: writeIdAt(at), now };
}

export function leased(leaseId: string): WriteCondition {
  return { type: 'leased', leaseId };
}

/** Lasts for ten seconds; what it leaves, for a day. */
export function claim(leaseId: string, atMs = nowMs): LeaseClaim {
  return { leaseId, nowMs: atMs, leaseUntil: atMs + 10_000, expiresAt: Math.ceil(atMs / 1_000) + 86_400 };
}

/** What `acquireLease` makes of an item. */
export function claimed(image: ItemImage, { leaseId, leaseUntil, expiresAt }: LeaseClaim): ItemImage {
  return { ...image, leaseId, leaseUntil, expiresAt, value: null, codec: null, loaded: false };
}

export function sameOutcome(actual: WriteOutcome, expected: WriteOutcome): void {
  assert.equal(actual.type, expected.type);
  sameImage(actual.old, expected.old);
}

export function sameClaim(actual: LeaseOutcome, expected: LeaseOutcome): void {
  assert.equal(actual.type, expected.type);
  sameImage(imageIn(actual), imageIn(expected));
}

function imageIn(outcome: LeaseOutcome): ItemImage | undefined {
  return outcome.type === 'acquired' ? outcome.image : outcome.old;
}

export function sameImage(actual: ItemImage | undefined, expected: ItemImage | undefined): void {
  assert.deepEqual(comparable(actual), comparable(expected));
}

/** Bytes are the same whatever class holds them. */
function comparable(image: ItemImage | undefined): unknown {
  return image && { ...image, value: typeof image.value === 'string' ? image.value : image.value && [...image.value] };
}

export async function rejectsWith(code: ErrorCode, call: Promise<unknown>): Promise<Error> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  assert.ok('error' in outcome, `expected ${code}, but it succeeded`);
  const { error } = outcome;
  assert.ok(isTidemarkError(error), `expected a TidemarkError ${code}, got ${String(error)}`);
  assert.equal(error.code, code, `expected ${code}, got ${error.code}: ${error.message}`);
  return error;
}
