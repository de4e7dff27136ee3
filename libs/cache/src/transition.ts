import { type CdcEvent, type ItemImage } from '@tidemark/protocol';

/** What an acknowledged write did to an item, as this pod knows it from the item that DynamoDB returned. */
export interface Transition {
  readonly table: string;
  readonly itemKey: string;
  readonly region: string;
  readonly old: ItemImage | undefined;
  /** `undefined`: the item was removed. */
  readonly new: ItemImage | undefined;
}

/**
 * The transition as an event of the fast lane: the one that the change log will bring, ahead of it. It has no stamp, for a writer's clock
 * orders nothing; and no value above `valueBytesMax`, which the pods then read for themselves.
 */
export function fastEvent(transition: Transition, valueBytesMax: number): CdcEvent {
  const { table, itemKey, region, old, new: image } = transition;
  const value = payloadOf(image, valueBytesMax);
  const { from, to, kind } = stepOf(old, image);
  const { expiresAt = null, codec = null } = image ?? {};
  return {
    ...{ table, key: itemKey, kind, from, to, stampUs: null, expiresAt, codec },
    ...{ lane: 'fast', region, position: null, value },
  };
}

function stepOf(old: ItemImage | undefined, image: ItemImage | undefined): Pick<CdcEvent, 'from' | 'to' | 'kind'> {
  const kind = image === undefined ? 'remove' : old === undefined ? 'insert' : 'modify';
  return { from: old?.writeId ?? null, to: image?.writeId ?? null, kind };
}

function payloadOf(image: ItemImage | undefined, bytesMax: number): Uint8Array | null {
  const value = image?.value ?? null;
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return bytes !== null && bytes.byteLength <= bytesMax ? bytes : null;
}
