import { type StoreCall } from '@tidemark/cache';
import { formatWriteId, type ItemImage, type WriteId } from '@tidemark/protocol';

/** The `at`-th write id; later ones are greater. */
export function writeId(at: number): WriteId {
  return formatWriteId({ ms: 1_700_000_000_000 + at, counter: 0, incarnation: '00000000000000aa' });
}

export function image(change: Partial<ItemImage> = {}): ItemImage {
  return {
    key: 'u:1',
    value: '{"a":1}',
    codec: 'json',
    writeId: writeId(1),
    expiresAt: null,
    writtenBy: 'us-east-1',
    tombstone: false,
    leaseId: null,
    leaseUntil: null,
    loaded: false,
    ...change,
  };
}

/** More than any test should need: a call that lasts this long is a bug. */
export const patient: StoreCall = { timeoutMs: 10_000 };
