import { type History } from '@tidemark/cache/testing';
import { type KafkaClient, PodFeed } from '@tidemark/kafka';
import { decodeRecord, type TopicNames } from '@tidemark/protocol';
import { systemClock, wait } from '@tidemark/runtime';
import { randomUUID } from 'node:crypto';
import { cacheName, machineMs, table } from '../pod-protocol.js';

const lookMs = 100;

/** Reads the table topic, as a pod reads its own, and remembers of which writes it has brought the change. */
export class EventWitness {
  readonly #feed: PodFeed;
  readonly #seen = new Set<string>();
  #gaps = 0;

  private constructor(client: KafkaClient, names: TopicNames) {
    this.#feed = new PodFeed({ client, names, service: 'witness', podId: randomUUID() });
  }

  /** Sees what comes from the moment on in which this resolves. */
  static async open(client: KafkaClient, names: TopicNames): Promise<EventWitness> {
    const witness = new EventWitness(client, names);
    await witness.#feed.open({
      onRoute: () => undefined,
      onBatch: ({ records }) => {
        for (const record of records) witness.#note(decodeRecord(record));
      },
      onGap: () => (witness.#gaps += 1),
      onPartitions: () => undefined,
      onState: () => undefined,
    });
    await witness.#feed.tail([names.cdc(table)]);
    return witness;
  }

  /** Times that it may have missed records: what it has not seen says nothing then. */
  get gaps(): number {
    return this.#gaps;
  }

  /** Writes that a new history begins with are known. */
  forgetAllBut(versions: readonly string[]): void {
    this.#seen.clear();
    for (const version of versions) this.#seen.add(version);
  }

  /** Writes of the history of which there is no event, as soon as there are none, or after `timeoutMs`; none where it has missed records itself. */
  async lost(
    history: History,
    { gapsBefore, timeoutMs }: { gapsBefore: number; timeoutMs: number },
  ): Promise<readonly string[]> {
    const endMs = machineMs() + timeoutMs;
    for (;;) {
      const lost = this.#gaps === gapsBefore ? this.#unseen(history) : [];
      if (lost.length === 0 || machineMs() > endMs) return lost;
      await wait(systemClock, lookMs);
    }
  }

  close(): Promise<void> {
    return this.#feed.close();
  }

  #unseen({ transitions }: History): readonly string[] {
    return transitions.flatMap(({ key, version, value }) => {
      if (typeof version !== 'string' || this.#seen.has(version)) return [];
      return [`${key} = ${value ?? 'nothing'} (${version})`];
    });
  }

  #note(decoded: ReturnType<typeof decodeRecord>): void {
    if (decoded.type !== 'event') return;
    const { key, to, lane } = decoded.event;
    // The fast lane brings what a pod itself says of its write; what is to be shown is that its change record came through.
    if (lane === 'cdc' && to !== null && key.startsWith(`${cacheName}:`)) this.#seen.add(to);
  }
}
