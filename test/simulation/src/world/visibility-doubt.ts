import { type TopicPlace } from '../kafka/sim-kafka.js';

interface Doubt {
  /** Somebody has read the log that there is now, from its start. */
  isRead: boolean;
  /** Where the cache topics ended when that was committed: whoever is past this has processed records of the new log. */
  ends: ReadonlyMap<TopicPlace, number> | undefined;
  /** Pods whose progress may be of the log before. */
  readonly lives: Set<string>;
}

/**
 * Where `whenVisible` may speak too soon: pods say how far they are by offsets of the table topic alone, and what they say of a log counts for the one that
 * came after it, until they have processed a record of that.
 */
export class VisibilityDoubt {
  readonly #partitions = new Map<number, Doubt>();

  begin(partition: number, lives: Iterable<string>): void {
    this.#partitions.set(partition, { isRead: false, ends: undefined, lives: new Set(lives) });
  }

  /** A dispatcher has met a gap, and begun at the start of the log. */
  noteGap(partition: number): void {
    const doubt = this.#partitions.get(partition);
    if (doubt !== undefined) doubt.isRead = true;
  }

  /** `isPresent`: the commit says that it lies in the topic that there is now, and was made when no dispatcher may have met a gap. */
  noteCommit(partition: number, isPresent: boolean, endsOf: () => ReadonlyMap<TopicPlace, number>): void {
    const doubt = this.#partitions.get(partition);
    if (doubt !== undefined && (doubt.isRead || isPresent)) doubt.ends ??= endsOf();
  }

  /** A pod has processed all before `position`. */
  noteProcessed(life: string, place: TopicPlace, partition: number, position: number): void {
    const doubt = this.#partitions.get(partition);
    if (doubt?.ends !== undefined && position > (doubt.ends.get(place) ?? 0)) doubt.lives.delete(life);
  }

  /** Whether what one of these pods says may be of a log that is not there any more. */
  isOf(lives: readonly string[]): boolean {
    return lives.some((life) => [...this.#partitions.values()].some((doubt) => doubt.lives.has(life)));
  }
}
