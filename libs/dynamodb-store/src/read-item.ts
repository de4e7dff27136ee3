import { type Attributes, attributes, type ItemImage, readImage } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';

/** The image of an item of `table`. Throws `MALFORMED_ITEM` with the reason, never with what the item holds. */
export function readItem(table: string, item: Attributes): ItemImage {
  const result = readImage(item, 'bytes');
  if (!result.ok) throw malformed(table, result.reason);
  return result.image;
}

/** The item that a committed write replaced. Malformed attributes are left out: the write is done, and must be told as done. */
export function readReplacedItem(table: string, item: Attributes | undefined): ItemImage | undefined {
  return item && readItem(table, wellFormedPart(item));
}

/** The item that refused a write. Throws `MALFORMED_ITEM` at a write id that is no string, for no condition gets past one. */
export function readRefusingItem(table: string, item: Attributes | undefined): ItemImage | undefined {
  const part = item && wellFormedPart(item);
  if (item && attributes.writeId in item && !(attributes.writeId in (part ?? {})))
    throw malformed(table, 'attribute writeId: expected a string');
  return part && readItem(table, part);
}

function wellFormedPart({ key, ...others }: Attributes): Attributes {
  const wellFormed = Object.entries(others).filter(([name, value]) => readImage({ key, [name]: value }, 'bytes').ok);
  return { key, ...Object.fromEntries(wellFormed) };
}

function malformed(table: string, reason: string): TidemarkError {
  return new TidemarkError('MALFORMED_ITEM', `an item of table ${table} is malformed: ${reason}`, {
    retriable: false,
    context: { table, reason },
  });
}
