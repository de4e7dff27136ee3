import { type BrokerEvent, type StoredOffset } from './broker-store.js';

type TopicEvent = Extract<BrokerEvent, { type: 'topic' }>;
type BoundsEvent = Extract<BrokerEvent, { type: 'bounds' }>;

/** The sum of all events so far, from which the shortest list of events with the same sum can be told. */
export class BrokerImage {
  readonly #topics = new Map<number, TopicEvent>();
  readonly #bounds = new Map<string, BoundsEvent>();
  /** Group → `topic/partition` → offset. */
  readonly #commits = new Map<string, Map<string, StoredOffset>>();
  #nextProducerId = '0';

  apply(event: BrokerEvent): void {
    switch (event.type) {
      case 'topic':
        this.#topics.set(event.id, event);
        return;
      case 'topic-deleted':
        return this.#deleteTopic(event.id);
      case 'bounds':
        this.#bounds.set(`${event.id}-${event.partition}`, event);
        return;
      case 'commit':
        return this.#commit(event.group, event.offsets);
      case 'group-deleted':
        this.#commits.delete(event.group);
        return;
      case 'producer-ids':
        this.#nextProducerId = event.next;
        return;
    }
  }

  bounds(topicId: number, partition: number): { readonly start: bigint; readonly end: bigint } {
    const event = this.#bounds.get(`${topicId}-${partition}`);
    return { start: BigInt(event?.start ?? 0), end: BigInt(event?.end ?? 0) };
  }

  events(): BrokerEvent[] {
    return [
      { type: 'producer-ids', next: this.#nextProducerId },
      ...this.#topics.values(),
      ...this.#bounds.values(),
      ...[...this.#commits].map(([group, offsets]): BrokerEvent => ({
        type: 'commit',
        group,
        offsets: [...offsets.values()],
      })),
    ];
  }

  #commit(group: string, offsets: readonly StoredOffset[]): void {
    const known = this.#commits.get(group) ?? new Map<string, StoredOffset>();
    this.#commits.set(group, known);
    for (const offset of offsets) known.set(`${offset.topic}/${offset.partition}`, offset);
  }

  #deleteTopic(id: number): void {
    const topic = this.#topics.get(id);
    if (topic === undefined) return;
    this.#topics.delete(id);
    for (let partition = 0; partition < topic.partitions; partition += 1) {
      this.#bounds.delete(`${id}-${partition}`);
      for (const offsets of this.#commits.values()) offsets.delete(`${topic.name}/${partition}`);
    }
  }
}
