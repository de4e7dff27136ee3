import { type EventSink, type OutgoingRecord } from '@tidemark/pipeline';
import { TidemarkError, wait } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { placeOf, type SimKafka } from './sim-kafka.js';

export interface SimProducerOptions {
  readonly kafka: SimKafka;
  readonly link: Link;
  /** A send whose answer is missing is made again, so that its records stand there twice. */
  readonly onResend: () => void;
}

const requestTimeoutMs = 1_500;
const attemptsMax = 3;

/** One process's producer: one send under way per partition, each made again a few times where its answer is missing. */
export class SimProducer implements EventSink {
  readonly #options: SimProducerOptions;
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor(options: SimProducerOptions) {
    this.#options = options;
  }

  partitionsOf(topic: string, signal: AbortSignal): Promise<number> {
    const { kafka } = this.#options;
    return this.#call(`count partitions of ${topic}`, signal, () => kafka.partitions(topic).length);
  }

  listTopics(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    const { kafka } = this.#options;
    return this.#call('list topics', signal, () => kafka.topics.filter((topic) => topic.startsWith(prefix)));
  }

  async send(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
    await this.produce(topic, records, signal);
  }

  /** Resolves to the offsets, in the order given. */
  produce(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<readonly number[]> {
    const places = [...new Set(records.map(({ partition }) => placeOf(topic, partition)))];
    const earlier = places.flatMap((place) => this.#tails.get(place) ?? []);
    const sent = Promise.all(earlier).then(() => this.#attempt(topic, records, signal));
    const settled = sent.catch(() => undefined);
    for (const place of places) this.#tails.set(place, settled);
    return sent;
  }

  async #attempt(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<readonly number[]> {
    const { kafka, link, onResend } = this.#options;
    const append = (): readonly number[] =>
      kafka.has(topic)
        ? records.map(({ partition, record }) => kafka.append(topic, partition, record))
        : refuse(`there is no topic ${topic}`);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#call(`send to ${topic}`, signal, append);
      } catch (error) {
        const isRetriable = error instanceof TidemarkError && error.code === 'PUBLISH_FAILED';
        if (!isRetriable || attempt >= attemptsMax || signal.aborted) throw error;
        await wait(link.process.clock, 150 * attempt, signal);
        onResend();
      }
    }
  }

  #call<T>(what: string, signal: AbortSignal, serve: () => T): Promise<T> {
    const failed = (reason: string): Error =>
      new TidemarkError('PUBLISH_FAILED', `${what}: ${reason}`, { retriable: true });
    return this.#options.link.call({
      ...{ what, signal, serve, timeoutMs: requestTimeoutMs, unsent: failed },
      unanswered: (reason, cause) =>
        cause === 'aborted'
          ? new TidemarkError('ABORTED', `${what} was aborted`, { retriable: false })
          : failed(reason),
    });
  }
}

function refuse(reason: string): never {
  throw new TidemarkError('PUBLISH_FAILED', reason, { retriable: true });
}
