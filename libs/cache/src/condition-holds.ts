import { type Attributes, attributes, wellFormedPart } from '@tidemark/protocol';
import { type WriteCondition } from './backend.js';

/** What must hold for a lease to be taken: no live value, and no live lease. */
export interface ClaimCondition {
  readonly type: 'claimable';
  /** Ms since the epoch. */
  readonly nowMs: number;
}

/**
 * Whether DynamoDB would find that `condition` holds for `item`, DynamoDB's JSON; `undefined`: there is no item.
 *
 * As DynamoDB compares: an attribute of another type is there, is equal to nothing and stands in no order to anything; one that is missing
 * neither. Texts are compared as JavaScript does and not by their UTF-8, which is the same as long as one of the two is ASCII: write ids are.
 */
export function conditionHolds(
  condition: WriteCondition | ClaimCondition,
  item: Attributes | undefined = nothing,
): boolean {
  switch (condition.type) {
    case 'newer':
      return isOlder(item, condition.than);
    case 'replaces':
      return textOf(item, attributes.writeId) === condition.writeId;
    case 'absent':
      return !isLive(item, condition.now) && isOlder(item, condition.than);
    case 'matches':
      return textOf(item, attributes.writeId) === condition.writeId && isLiveFor(item, condition.now);
    case 'leased':
      return textOf(item, attributes.leaseId) === condition.leaseId && !has(item, attributes.value);
    case 'claimable':
      return !isLive(item, secondsOf(condition)) && !isHeld(item, condition.nowMs);
  }
}

/**
 * Why an item that refused a write cannot be told of, or `undefined` when it can. What a caller is told of is the item without its
 * malformed attributes. Where that would not have refused, or holds nothing of what no attempt ever gets past (a write id, the end of
 * a lease), the caller would try for ever.
 */
export function refusalProblem(condition: WriteCondition | ClaimCondition, item: Attributes): string | undefined {
  const { item: part, problems } = wellFormedPart(item, 'bytes');
  if (problems.length > 0 && conditionHolds(condition, part)) return problems.join('; ');
  if (condition.type === 'claimable')
    return isLive(item, secondsOf(condition)) || has(part, attributes.leaseUntil)
      ? undefined
      : 'attribute leaseUntil: expected a whole number beside leaseId';
  const hidesWriteId = has(item, attributes.writeId) && !has(part, attributes.writeId);
  return hidesWriteId && condition.type !== 'leased' ? problems.join('; ') : undefined;
}

const nothing: Attributes = {};

function secondsOf({ nowMs }: ClaimCondition): number {
  return Math.floor(nowMs / 1_000);
}

/** `attribute_not_exists(writeId) OR writeId < :than` */
function isOlder(item: Attributes, than: string): boolean {
  const writeId = textOf(item, attributes.writeId);
  return !has(item, attributes.writeId) || (writeId !== undefined && writeId < than);
}

/** The opposite of `attribute_not_exists(value) OR expiresAt <= :now`: a value whose expiry is no number counts as live. */
function isLive(item: Attributes, now: number): boolean {
  const expiresAt = numberOf(item, attributes.expiresAt);
  return has(item, attributes.value) && !(expiresAt !== undefined && expiresAt <= now);
}

/** `attribute_exists(value) AND (attribute_not_exists(expiresAt) OR expiresAt > :now)`: a value whose expiry is no number does not count. */
function isLiveFor(item: Attributes, now: number): boolean {
  const expiresAt = numberOf(item, attributes.expiresAt);
  const lasts = !has(item, attributes.expiresAt) || (expiresAt !== undefined && expiresAt > now);
  return has(item, attributes.value) && lasts;
}

/** The opposite of `attribute_not_exists(leaseId) OR leaseUntil <= :nowMs`. */
function isHeld(item: Attributes, nowMs: number): boolean {
  const leaseUntil = numberOf(item, attributes.leaseUntil);
  return has(item, attributes.leaseId) && !(leaseUntil !== undefined && leaseUntil <= nowMs);
}

function has(item: Attributes, name: string): boolean {
  return Object.hasOwn(item, name);
}

function textOf(item: Attributes, name: string): string | undefined {
  const text = typed(item, name, 'S');
  return typeof text === 'string' ? text : undefined;
}

function numberOf(item: Attributes, name: string): number | undefined {
  const text = typed(item, name, 'N');
  return typeof text === 'string' ? Number(text) : undefined;
}

function typed(item: Attributes, name: string, type: 'S' | 'N'): unknown {
  return has(item, name) ? Reflect.get(Object(item[name]), type) : undefined;
}
