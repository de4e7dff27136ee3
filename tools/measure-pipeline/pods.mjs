// What the pods hold of the keys that were written, beside what was written last.
import { keyOf, valueOf, writeItems } from './load.mjs';
import { wait } from './wait.mjs';

const settleMs = 5_000;

const chunk = 50;

/** @typedef {{ checked: number, seen: number, dropped: number, divergent: number, example: string | null }} PodCheck */

/**
 * Makes each pod hold every key at its change 0, once the events of these changes have passed.
 * @param {import('./world.mjs').World} world
 * @param {readonly string[]} pods
 * @param {number} keys
 * @param {number} bytes
 */
export async function fill(world, pods, keys, bytes) {
  await writeItems(world.aws.dynamodbEndpoint, keys, bytes);
  await wait(settleMs);
  await warm(world, pods, keys);
}

/**
 * A key that a pod has dropped is none that it serves stale; every other must be what was written last.
 * @param {import('./world.mjs').World} world
 * @param {readonly string[]} pods
 * @param {import('./load.mjs').Load} load
 * @param {number} bytes
 * @returns {Promise<PodCheck>}
 */
export async function checkPods(world, pods, load, bytes) {
  const check = { checked: 0, seen: 0, dropped: 0, divergent: 0, example: /** @type {string | null} */ (null) };
  for (const pod of pods)
    for (const ids of chunks(load.last.size)) {
      const held = await world.json(pod, `/l1/permissions?ids=${ids.join(',')}`);
      for (const id of ids) compare(check, { pod, id, held: held[id], last: load.last.get(id) ?? 0, bytes });
    }
  return check;
}

/** @param {PodCheck} check @param {{ readonly pod: string, readonly id: string, readonly held: { readonly state: string, readonly value: unknown } | undefined, readonly last: number, readonly bytes: number }} found */
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

/**
 * Makes each pod ask for every key, so that it holds something that the changes to come must move.
 * @param {import('./world.mjs').World} world
 * @param {readonly string[]} pods
 * @param {number} keys
 */
async function warm(world, pods, keys) {
  await Promise.all(
    pods.flatMap((pod) => chunks(keys).map((ids) => world.json(pod, `/permissions?ids=${ids.join(',')}`))),
  );
}

/** @param {number} keys */
function chunks(keys) {
  const ids = Array.from({ length: keys }, (_, index) => keyOf(index));
  return Array.from({ length: Math.ceil(keys / chunk) }, (_, n) => ids.slice(n * chunk, (n + 1) * chunk));
}
