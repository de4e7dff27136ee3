// One key in one pod, beside what was written last.
import { valueOf } from './change-value.mjs';

/** @typedef {{ checked: number, seen: number, dropped: number, divergent: number, example: string | null }} KeyCounts of keys in pods */
/** @typedef {KeyCounts & { keys: number, seenLeast: number }} PodCheck `keys`: that each pod was asked for; `seenLeast`: values in the pod that holds the fewest */

/** @param {KeyCounts} check @param {{ readonly pod: string, readonly id: string, readonly held: { readonly state: string, readonly value: unknown } | undefined, readonly last: number, readonly bytes: number }} found */
export function compare(check, { pod, id, held, last, bytes }) {
  check.checked += 1;
  if (held === undefined || held.state === 'none') {
    check.dropped += 1;
    return;
  }
  if (held.state === 'value') check.seen += 1;
  if (held.state === 'value' && JSON.stringify(held.value) === JSON.stringify(valueOf(last, bytes))) return;
  check.divergent += 1;
  check.example ??= `${pod}, ${id}: expected n${last}, got ${JSON.stringify(held).slice(0, 120)}`;
}
