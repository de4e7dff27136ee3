import { type Logger, messageOf, thinned } from '@tidemark/runtime';

import { type DispatchMetrics } from './dispatch-metrics.js';
import { type ResolvedDispatcherOptions } from './dispatch-options.js';
import { type DispatchPartition } from './dispatch-partition.js';
import { type TablePlan } from './dispatch-plan.js';
import { type OutgoingRecord } from './ports.js';
import { type SendWatch } from './send-watch.js';

/** A send without an answer for this long has failed as far as anybody can tell, ms. */
const unansweredMs = 3_000;

/** Of an announcement. */
interface Failure {
  readonly why: string;
  /** On the monotonic clock, ms. */
  readonly atMs: number;
}

/** A partition whose target is to be told something, and since when the target has carried its table. */
interface Announced {
  readonly owned: DispatchPartition;
  readonly since: number;
}

/**
 * Tells every target of every owned partition since when it has carried the table, so that a pod that starts need not wait for an event; and knows
 * from that which targets take nothing.
 */
export class DispatchAnnouncer {
  readonly #options: ResolvedDispatcherOptions;
  readonly #sends: SendWatch;
  readonly #metrics: DispatchMetrics;
  readonly #planNow: (table: string) => TablePlan;
  readonly #signal: AbortSignal;
  readonly #again: Pick<Logger, 'warn'>;
  /** Topics of the routes of what is owned, and why the last announcement into one did not arrive. */
  #targets: ReadonlySet<string> = new Set();
  readonly #failing = new Map<string, Failure>();

  /** `planNow`: a table's route in force, from what is known now. */
  constructor(
    options: ResolvedDispatcherOptions,
    sends: SendWatch,
    metrics: DispatchMetrics,
    planNow: (table: string) => TablePlan,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#sends = sends;
    this.#metrics = metrics;
    this.#planNow = planNow;
    this.#signal = signal;
    this.#again = thinned(options.logger, options.clock);
  }

  /** Where a watermark of sync has just told a target, it is not told once more: each record that comes by itself is a fetch of every pod. Never rejects. */
  async announce(everything: Iterable<DispatchPartition>): Promise<void> {
    const { clock, announceIntervalMs } = this.#options;
    const passedSinceMs = clock.monotonicMs() - 1.5 * announceIntervalMs;
    const byTopic = new Map<string, Announced[]>();
    const targets = new Set<string>();
    // Topics into a partition of which nothing was passed since the last announcement failed.
    const silent = new Set<string>();
    for (const { owned, topic, since } of this.#each(everything)) {
      targets.add(topic);
      if (!owned.hasPassed(topic, since, this.#failing.get(topic)?.atMs ?? -Infinity)) silent.add(topic);
      if (owned.hasPassed(topic, since, passedSinceMs)) continue;
      if (owned.busy(topic)) owned.announceSoon(topic);
      else byTopic.set(topic, [...(byTopic.get(topic) ?? []), { owned, since }]);
    }
    this.#targets = targets;
    for (const topic of this.#failing.keys()) if (!silent.has(topic)) this.#failing.delete(topic);
    await Promise.all([...byTopic].map(([topic, into]) => this.#announceInto(topic, into)));
  }

  /** Targets that did not take what was last sent, or have not answered → why. */
  failing(): ReadonlyMap<string, string> {
    const failing = new Map<string, string>();
    for (const topic of this.#targets) {
      const silentMs = this.#sends.unansweredMs(topic);
      const why = silentMs > unansweredMs ? `no answer for ${Math.round(silentMs)} ms` : this.#failing.get(topic)?.why;
      if (why !== undefined) failing.set(topic, why);
    }
    return failing;
  }

  /** Why nothing can be sent anywhere, given what is `failing`; `undefined`: some target takes something, or there is none. */
  whyNone(failing: ReadonlyMap<string, string>): string | undefined {
    const [first] = failing;
    if (first === undefined || failing.size < this.#targets.size) return undefined;
    return `no cache topic takes anything: ${first[0]}: ${first[1]}`;
  }

  *#each(everything: Iterable<DispatchPartition>): Generator<Announced & { readonly topic: string }> {
    for (const owned of everything) {
      const plan = owned.revoked ? undefined : this.#planNow(owned.table);
      for (const target of plan?.type === 'dispatch' ? plan.targets : []) yield { owned, ...target };
    }
  }

  async #announceInto(topic: string, targets: readonly Announced[]): Promise<void> {
    const records: OutgoingRecord[] = targets.map(({ owned, since }) => {
      return { partition: owned.partition, record: owned.announcement(since) };
    });
    const sent = this.#sends.send(topic, records, this.#signal);
    try {
      await Promise.all(targets.map(({ owned }) => owned.exclusively(topic, () => sent)));
      for (const { owned, since } of targets) owned.announced(topic, since);
      this.#metrics.announcements.value += records.length;
      this.#failing.delete(topic);
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#failing.set(topic, { why: messageOf(error), atMs: this.#options.clock.monotonicMs() });
      this.#metrics.publishFailures.value += 1;
      this.#again.warn({ topic, error: messageOf(error) }, 'dispatcher: could not send watermarks');
    }
  }
}
