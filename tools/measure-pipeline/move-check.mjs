// Whether topics carried all of what they were to carry while routes moved, and whether any was given up under a pod; pure.

/** @typedef {{ readonly version: number, readonly topics: Readonly<Record<string, number>>, readonly move: { readonly to: string, readonly from: readonly string[], readonly until: number } | undefined, readonly atMs: number }} RouteSeen `atMs`: when it was written */
/** @typedef {{ readonly pod: string, readonly atMs: number, readonly topics: readonly (string | null)[], readonly leaving: boolean }} ReportSeen */

/** A pod that has been silent for longer is not waited for. */
const silentMs = 10_000;

/**
 * The deliveries of each key in each topic, which go up by one, or back to what is sent again. A step past a change is what a topic does once for each
 * time it was added to the route: it begins there.
 */
export class TopicSteps {
  /** By topic, then by key. @type {Map<string, Map<string, { last: number, skips: number }>>} */
  #topics = new Map();

  /** @param {string} topic @param {string} key @param {number} number */
  delivered(topic, key, number) {
    const keys = this.#topics.get(topic) ?? new Map();
    this.#topics.set(topic, keys);
    const state = keys.get(key) ?? { last: -Infinity, skips: 0 };
    keys.set(key, state);
    if (number > state.last + 1) state.skips += 1;
    state.last = number;
  }

  /** Steps past a change that no addition of the topic accounts for. @param {readonly RouteSeen[]} routes all versions */
  breaks(routes) {
    let breaks = 0;
    for (const [topic, keys] of this.#topics) {
      const added = new Set(routes.map(({ topics }) => topics[topic]).filter((since) => since !== undefined));
      for (const { skips } of keys.values()) breaks += Math.max(0, skips - added.size);
    }
    return breaks;
  }
}

/**
 * Topics that a move gave up, before its time was over, while the last word of a pod that is heard of was that it follows them.
 * @param {readonly RouteSeen[]} routes all versions of one table's, in their order
 * @param {readonly ReportSeen[]} reports in the order of their log
 * @returns {readonly string[]} a line each
 */
export function givenUpUnderPods(routes, reports) {
  return routes.flatMap((route, n) => {
    const before = routes[n - 1];
    if (before === undefined || isRollBack(before, route)) return [];
    const dropped = Object.keys(before.topics).filter((topic) => !(topic in route.topics));
    if (dropped.length === 0 || route.atMs >= (before.move?.until ?? Infinity)) return [];
    return lastWords(reports, route.atMs)
      .filter(({ topics }) => topics.some((topic) => topic === null || dropped.includes(topic)))
      .map(
        ({ pod, topics }) =>
          `version ${route.version} gave up ${dropped.join(', ')}; pod ${pod} on ${topics.join(', ')}`,
      );
  });
}

/** @param {RouteSeen} before @param {RouteSeen} route */
function isRollBack({ move }, { topics }) {
  return (
    move !== undefined && move.from.length === Object.keys(topics).length && move.from.every((topic) => topic in topics)
  );
}

/** @param {readonly ReportSeen[]} reports @param {number} atMs */
function lastWords(reports, atMs) {
  /** @type {Map<string, ReportSeen>} */
  const last = new Map();
  for (const report of reports) if (report.atMs <= atMs) last.set(report.pod, report);
  return [...last.values()].filter((report) => !report.leaving && report.atMs > atMs - silentMs);
}

/**
 * What the numbers do that a pod serves of a key, one read after the other.
 */
export class ServedNumbers {
  reads = 0;
  /** Reads that served less than one before, an example of them. */
  back = { count: 0, example: /** @type {string | null} */ (null) };
  /** @type {Map<string, number>} */
  #last = new Map();

  /** @param {string} pod @param {string} key @param {number} number */
  served(pod, key, number) {
    this.reads += 1;
    const name = `${pod}, ${key}`;
    const last = this.#last.get(name) ?? -1;
    if (number < last) {
      this.back.count += 1;
      this.back.example ??= `${name}: n${number} after n${last}`;
    }
    this.#last.set(name, Math.max(last, number));
  }
}
