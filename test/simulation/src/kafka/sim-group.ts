import { type TopicPartition } from '@tidemark/pipeline';
import { decodeRewindNote, type RewindNote } from '@tidemark/protocol';
import { placeOf, type SimKafka, type TopicPlace } from './sim-kafka.js';

export interface SimGroupOptions {
  readonly kafka: SimKafka;
  readonly nowMs: () => number;
  /** Runs `fn` at the brokers after `delayMs`; the returned function cancels it. */
  readonly afterMs: (delayMs: number, fn: () => void) => () => void;
  /** A member that was not heard of for so long is dead, ms. */
  readonly sessionTimeoutMs: number;
  /** Members have so long to join again, ms. */
  readonly rebalanceTimeoutMs: number;
  readonly onRebalance: (generation: number, members: readonly string[]) => void;
  /** A member was thrown out, and may be alive. */
  readonly onExpelled: (member: string) => void;
  readonly onCommit?: (place: TopicPartition, offset: number, metadata: string | null) => void;
}

export interface GroupAssignment {
  readonly generation: number;
  readonly partitions: readonly TopicPartition[];
  /** The group had not, or no longer, the member when it joined: what it handled before does not count. */
  readonly isNew: boolean;
}

interface Member {
  readonly id: string;
  readonly isNew: boolean;
  topics: readonly string[];
  heardMs: number;
  /** Set while it waits for the others to join. */
  joined: ((assignment: GroupAssignment) => void) | undefined;
}

/** The coordinator of the dispatchers' consumer group, and its committed offsets. */
export class SimGroup {
  readonly #options: SimGroupOptions;
  readonly #members = new Map<string, Member>();
  readonly #committed = new Map<TopicPlace, { readonly offset: number; readonly metadata: string | null }>();
  #generation = 0;
  #rebalancing = false;
  #cancelDeadline: () => void = () => undefined;

  constructor(options: SimGroupOptions) {
    this.#options = options;
  }

  /** Answers when every member that is alive has joined. */
  join(id: string, topics: readonly string[]): Promise<GroupAssignment> {
    return new Promise((joined) => {
      const isNew = !this.#members.has(id);
      this.#members.set(id, { id, isNew, topics, heardMs: this.#options.nowMs(), joined });
      this.#rebalance();
      this.#completeIfAll();
    });
  }

  leave(id: string): void {
    if (!this.#members.delete(id)) return;
    this.#rebalance();
    this.#completeIfAll();
  }

  /** `rejoin`: the group is in motion. `unknown`: it is of another generation, or does not know the member. */
  heartbeat(id: string, generation: number): 'ok' | 'rejoin' | 'unknown' {
    this.#expel();
    const member = this.#members.get(id);
    if (member === undefined || generation !== this.#generation) return 'unknown';
    member.heardMs = this.#options.nowMs();
    return this.#rebalancing ? 'rejoin' : 'ok';
  }

  /**
   * Taken from members of the present generation, also while they are asked to join the next one. `false`: the member is of another one, and nothing is
   * committed. `metadata`: what stands beside it.
   */
  commit(
    id: string,
    generation: number,
    place: TopicPartition,
    offset: number,
    metadata: string | null = null,
  ): boolean {
    if (!this.#members.has(id) || generation !== this.#generation) return false;
    this.#committed.set(placeOf(place.topic, place.partition), { offset, metadata });
    this.#options.onCommit?.(place, offset, metadata);
    return true;
  }

  /** A topic is deleted, and what was committed of it with it, as far as the coordinator hears of that. */
  forget(topic: string): void {
    for (const place of [...this.#committed.keys()]) if (place.startsWith(`${topic}:`)) this.#committed.delete(place);
  }

  /** `undefined`: nothing was ever committed. */
  committed({ topic, partition }: TopicPartition): number | undefined {
    return this.#committed.get(placeOf(topic, partition))?.offset;
  }

  metadataOf({ topic, partition }: TopicPartition): string | null {
    return this.#committed.get(placeOf(topic, partition))?.metadata ?? null;
  }

  /** What stands beside it of the last rewind. */
  noteOf({ topic, partition }: TopicPartition): RewindNote | undefined {
    return decodeRewindNote(this.#committed.get(placeOf(topic, partition))?.metadata);
  }

  #rebalance(): void {
    if (this.#rebalancing) return;
    this.#rebalancing = true;
    this.#cancelDeadline = this.#options.afterMs(this.#options.rebalanceTimeoutMs, () => {
      for (const member of [...this.#members.values()]) if (member.joined === undefined) this.#remove(member);
      this.#complete();
    });
  }

  #completeIfAll(): void {
    this.#expel();
    const members = [...this.#members.values()];
    if (this.#rebalancing && members.every(({ joined }) => joined !== undefined)) this.#complete();
  }

  #complete(): void {
    this.#cancelDeadline();
    this.#rebalancing = false;
    this.#generation += 1;
    const members = [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const shares = new Map<string, TopicPartition[]>(members.map(({ id }) => [id, []]));
    for (const [index, place] of this.#places(members).entries()) {
      const takers = members.filter(({ topics }) => topics.includes(place.topic));
      const taker = takers[(index + this.#generation) % takers.length];
      if (taker !== undefined) shares.get(taker.id)?.push(place);
    }
    this.#options.onRebalance(
      this.#generation,
      members.map(({ id }) => id),
    );
    for (const member of members) {
      const { joined } = member;
      member.joined = undefined;
      member.heardMs = this.#options.nowMs();
      const { isNew } = member;
      joined?.({ generation: this.#generation, partitions: shares.get(member.id) ?? [], isNew });
    }
    this.#watch();
  }

  #places(members: readonly Member[]): TopicPartition[] {
    const topics = [...new Set(members.flatMap((member) => member.topics))].sort();
    const countOf = (topic: string): number => this.#options.kafka.partitionsEver(topic);
    return topics.flatMap((topic) => Array.from({ length: countOf(topic) }, (_, partition) => ({ topic, partition })));
  }

  /** Looks for the dead once a second while there are members. */
  #watch(): void {
    const generation = this.#generation;
    this.#options.afterMs(1_000, () => {
      if (this.#rebalancing || generation !== this.#generation) return;
      this.#expel();
      if (!this.#rebalancing && this.#members.size > 0) this.#watch();
    });
  }

  #expel(): void {
    const { nowMs, sessionTimeoutMs } = this.#options;
    for (const member of [...this.#members.values()]) {
      if (member.joined !== undefined || nowMs() - member.heardMs < sessionTimeoutMs) continue;
      this.#remove(member);
      this.#rebalance();
    }
  }

  #remove(member: Member): void {
    this.#members.delete(member.id);
    this.#options.onExpelled(member.id);
  }
}
