import { type WireItem } from './wire-item.js';

/** DynamoDB leaves items alone whose time lies further back than this: such a value is taken for a mistake. */
const ignoredAfterSeconds = 5 * 365 * 24 * 3600;

/** Whether the number in `attribute` is a time, in seconds since the epoch, that has passed. */
export function isExpired(item: WireItem, attribute: string, nowMs: number): boolean {
  const text = item[attribute]?.['N'];
  if (typeof text !== 'string') return false;
  const agoSeconds = Math.floor(nowMs / 1000) - Number(text);
  return agoSeconds > 0 && agoSeconds < ignoredAfterSeconds;
}
