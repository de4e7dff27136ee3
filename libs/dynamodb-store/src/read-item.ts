import { type WriteCondition } from '@tidemark/cache';
import { type ClaimCondition, refusalProblem } from '@tidemark/cache/internals';
import { type Attributes, type ItemImage, readImage, wellFormedPart } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';

/** The image of an item of `table`. Throws `MALFORMED_ITEM` with the reason, never with what the item holds. */
export function readItem(table: string, item: Attributes): ItemImage {
  const result = readImage(item, 'bytes');
  if (!result.ok) throw malformed(table, result.reason);
  return result.image;
}

/** An item that a committed write met or made. Malformed attributes are left out: the write is done, and must be told as done. */
export function readWrittenItem(table: string, item: Attributes): ItemImage {
  return readItem(table, wellFormedPart(item, 'bytes').item);
}

/** The item that refused a write. Throws `MALFORMED_ITEM` where what is left of it would not tell why it did. */
export function readRefusingItem(
  table: string,
  item: Attributes,
  condition: WriteCondition | ClaimCondition,
): ItemImage {
  const problem = refusalProblem(condition, item);
  if (problem !== undefined) throw malformed(table, problem);
  return readWrittenItem(table, item);
}

function malformed(table: string, reason: string): TidemarkError {
  return new TidemarkError('MALFORMED_ITEM', `an item of table ${table} is malformed: ${reason}`, {
    retriable: false,
    context: { table, reason },
  });
}
