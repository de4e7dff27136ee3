// One key in one pod, beside what was written last.
import { valueOf } from './change-value.mjs';

/** @typedef {{ checked: number, seen: number, dropped: number, divergent: number, example: string | null }} KeyCounts of the keys of one pod, or of all */
/** @typedef {KeyCounts & { keys: number, seenLeast: number }} PodCheck `keys`: that each pod was asked for; `seenLeast`: values in the pod that holds the fewest */

/** @returns {KeyCounts} */
export function noKeys() {
  return { checked: 0, seen: 0, dropped: 0, divergent: 0, example: null };
}

/** Of all pods, each of which was asked for the same keys. @param {readonly KeyCounts[]} pods @returns {PodCheck} */
export function together(pods) {
  const sum = (/** @type {'checked' | 'seen' | 'dropped' | 'divergent'} */ field) =>
    pods.reduce((total, pod) => total + pod[field], 0);
  return {
    ...{ checked: sum('checked'), seen: sum('seen'), dropped: sum('dropped'), divergent: sum('divergent') },
    example: pods.find(({ example }) => example !== null)?.example ?? null,
    keys: pods[0]?.checked ?? 0,
    seenLeast: pods.length === 0 ? 0 : Math.min(...pods.map(({ seen }) => seen)),
  };
}

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
