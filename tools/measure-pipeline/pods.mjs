// What the pods hold of the keys that were written, beside what was written last.
import { keyOf, writeItems } from './load.mjs';
import { compare, noKeys, together } from './pod-check.mjs';
import { until, wait } from './wait.mjs';

const settleMs = 5_000;
const warmMs = 60_000;

const chunk = 50;

/** @typedef {import('./pod-check.mjs').PodCheck} PodCheck */

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
  return checkHeld(world, pods, load.last, bytes);
}

/**
 * The same, of any keys.
 * @param {import('./world.mjs').World} world
 * @param {readonly string[]} pods
 * @param {ReadonlyMap<string, number>} last
 * @param {number} bytes
 * @returns {Promise<PodCheck>}
 */
export async function checkHeld(world, pods, last, bytes) {
  const checks = [];
  for (const pod of pods) {
    const check = noKeys();
    for (const ids of inChunks([...last.keys()])) {
      const held = await world.json(pod, `/l1/permissions?ids=${ids.join(',')}`);
      for (const id of ids) compare(check, { pod, id, held: held[id], last: last.get(id) ?? 0, bytes });
    }
    checks.push(check);
  }
  return together(checks);
}

/**
 * Why pods have dropped entries, all of them in their lives: an event that could not be placed, such as one that is sent again behind its successors,
 * or a flush after a gap or a change of the route.
 * @param {import('./world.mjs').World} world
 * @param {readonly string[]} pods
 */
export async function dropsOf(world, pods) {
  const sum = async (/** @type {string} */ metric) => {
    const counts = await Promise.all(pods.map((pod) => world.metric(pod, metric)));
    return counts.reduce((/** @type {number} */ total, count) => total + (count ?? 0), 0);
  };
  return {
    droppedByEvents: await sum('tidemark_cache_drops_total'),
    droppedByFlushes: await sum('tidemark_cache_flushed_entries_total'),
    gapsOfPods: await sum('tidemark_feed_gaps_total'),
  };
}

/**
 * How many events of the table each pod has been given in its life.
 * @param {import('./world.mjs').World} world
 * @param {readonly string[]} pods
 */
export async function eventsOf(world, pods) {
  return Promise.all(pods.map(async (pod) => (await world.metric(pod, 'tidemark_cache_events_total')) ?? 0));
}

/**
 * Makes each pod ask for every key, so that it holds something that the changes to come must move.
 * @param {import('./world.mjs').World} world
 * @param {readonly string[]} pods
 * @param {number} keys
 */
async function warm(world, pods, keys) {
  // A pod that has just started may be too slow for its own deadline.
  const isWarm = (/** @type {string} */ pod, /** @type {readonly string[]} */ ids) => async () =>
    (await world.ask(pod, 'GET', `/permissions?ids=${ids.join(',')}`))?.status === 200;
  await Promise.all(
    pods.flatMap((pod) => inChunks(idsOf(keys)).map((ids) => until(`${pod} reads its keys`, isWarm(pod, ids), warmMs))),
  );
}

/** @param {number} keys */
function idsOf(keys) {
  return Array.from({ length: keys }, (_, index) => keyOf(index));
}

/** @param {readonly string[]} ids */
export function inChunks(ids) {
  return Array.from({ length: Math.ceil(ids.length / chunk) }, (_, n) => ids.slice(n * chunk, (n + 1) * chunk));
}
