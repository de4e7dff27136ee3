/** @param {number} ms @returns {Promise<void>} */
export function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

/**
 * Resolves to how long it took, ms. Rejects, naming it, when it does not hold in time.
 * @param {string} what
 * @param {() => boolean | Promise<boolean>} holds a question that fails is asked again
 * @param {number} timeoutMs
 */
export async function until(what, holds, timeoutMs) {
  const startedAt = performance.now();
  for (;;) {
    if (await Promise.resolve(holds()).catch(() => false)) return performance.now() - startedAt;
    if (performance.now() - startedAt > timeoutMs) throw new Error(`not within ${timeoutMs / 1_000} s: ${what}`);
    await wait(50);
  }
}

/**
 * Numbers from 0 to 1 that a seed fixes (mulberry32).
 * @param {number} seed
 */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
