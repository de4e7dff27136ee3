/** What a broker must not forget when its process dies, other than the records themselves; applied in order by `BrokerImage`. */
export type BrokerEvent =
  /** A topic as it is from now on: made, grown or reconfigured. */
  | {
      readonly type: 'topic';
      readonly id: number;
      readonly name: string;
      /** 32 hexadecimal digits, of this topic alone, also where its name was used before. */
      readonly uuid?: string;
      readonly partitions: number;
      readonly configs: Readonly<Record<string, string>>;
    }
  /** A topic and all offsets committed for it are gone. */
  | { readonly type: 'topic-deleted'; readonly id: number }
  /** The log of a partition starts and ends at least here, whatever its file says. */
  | {
      readonly type: 'bounds';
      readonly id: number;
      readonly partition: number;
      readonly start: string;
      readonly end: string;
    }
  | { readonly type: 'commit'; readonly group: string; readonly offsets: readonly StoredOffset[] }
  | { readonly type: 'group-deleted'; readonly group: string }
  /** Producer ids below this one are taken. */
  | { readonly type: 'producer-ids'; readonly next: string };

export interface StoredOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly metadata: string | null;
}

/** A partition as it was found. */
export interface StoredPartition {
  readonly batches: readonly Buffer[];
  readonly start: bigint;
  readonly end: bigint;
}

/** Where one partition's batches outlive the process. A write that fails throws and leaves what was there before. */
export interface PartitionStore {
  load(): StoredPartition;
  /** Bytes on disk, forgotten batches among them. */
  readonly size: number;
  append(batch: Buffer): void;
  /** Remembers where the log starts and ends. */
  bound(start: bigint, end: bigint): void;
  /** Puts these batches in the place of all, and remembers where the log starts and ends. */
  rewrite(batches: readonly Buffer[], start: bigint, end: bigint): void;
  remove(): void;
}

/** Where a broker outlives its process. */
export interface BrokerStore {
  /** Everything noted before, in an order that can be applied. */
  events(): readonly BrokerEvent[];
  note(event: BrokerEvent): void;
  partition(topicId: number, partition: number): PartitionStore;
  /** Lets go of open files; they are opened again when needed. */
  release(): void;
}

/** Keeps nothing: the broker lives as long as its object. */
export const forgetfulStore: BrokerStore = {
  events: () => [],
  note: () => undefined,
  partition: () => ({
    load: () => ({ batches: [], start: 0n, end: 0n }),
    size: 0,
    append: () => undefined,
    bound: () => undefined,
    rewrite: () => undefined,
    remove: () => undefined,
  }),
  release: () => undefined,
};
