import { type PodRegistry, type PodSnapshot, type StoreCall } from '@tidemark/cache';
import { decodePodReport, encodePodReport, type PodReport } from '@tidemark/protocol';
import { TidemarkError, withDeadline } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { epochMs } from '../time/sim-process.js';
import { names } from '../world/names.js';
import { type SimKafka } from './sim-kafka.js';
import { type SimProducer } from './sim-producer.js';

/** A pod's way to the log of all pods' reports, which the brokers stamp. */
export class SimPodRegistry implements PodRegistry {
  readonly #kafka: SimKafka;
  readonly #producer: SimProducer;
  readonly #link: Link;
  readonly #last = new Map<string, { readonly report: PodReport; readonly at: number }>();
  readonly #onReported: () => void;
  #position = 0;
  #now = 0;

  /** `onReported`: a report of this pod is acknowledged. */
  constructor(kafka: SimKafka, producer: SimProducer, link: Link, onReported: () => void) {
    this.#onReported = onReported;
    this.#kafka = kafka;
    this.#producer = producer;
    this.#link = link;
  }

  async report(report: PodReport, call: StoreCall): Promise<void> {
    const record = { key: report.pod, value: Buffer.from(encodePodReport(report)), header: null };
    const deadline = { ...call, clock: this.#link.process.clock, what: 'reporting' };
    await withDeadline(deadline, (signal) => this.#producer.produce(names.pods, [{ partition: 0, record }], signal));
    this.#onReported();
  }

  async read({ timeoutMs, signal }: StoreCall): Promise<PodSnapshot> {
    const from = this.#position;
    const failed = (reason: string): Error => new TidemarkError('FEED_UNAVAILABLE', reason, { retriable: true });
    const read = await this.#link.call({
      ...{ what: 'read reports', timeoutMs, signal, unsent: failed, unanswered: failed },
      serve: () => {
        const log = this.#kafka.log(names.pods, 0);
        return log.read(from, Infinity).map(({ value }, index) => ({ value, atMs: log.appendedMs(from + index) }));
      },
    });
    for (const { value, atMs } of read.slice(Math.max(0, this.#position - from)))
      this.#take(value, epochMs + Math.floor(atMs));
    return { now: this.#now, pods: [...this.#last.values()].filter(({ report }) => !report.leaving) };
  }

  #take(value: Uint8Array | null, at: number): void {
    this.#position += 1;
    this.#now = at;
    const decoded = decodePodReport(value);
    if (decoded.ok) this.#last.set(decoded.report.pod, { report: decoded.report, at });
  }
}
