import { partitionOf } from '@tidemark/protocol';
import { type Shard, type ShardPage } from '@tidemark/pipeline';

interface StoredRecord {
  readonly sequence: number;
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

interface StoredShard {
  readonly shardId: string;
  readonly parents: readonly string[];
  readonly start: bigint;
  readonly end: bigint;
  records: StoredRecord[];
  closedMs: number | null;
}

export interface SimStreamOptions {
  readonly shards: number;
  readonly pageMax: number;
  readonly retentionMs: number;
  /** True time, ms. */
  readonly nowMs: () => number;
  /** Records that have left the stream before anybody asked for them. */
  readonly onLost: (records: number) => void;
}

const hashes = 1n << 128n;
const shares = 1_000_000;

/** A region's stream: shards of a key space, each a log that forgets what is older than the retention. */
export class SimStream {
  readonly #options: SimStreamOptions;
  #shards: StoredShard[] = [];
  /** By shard, the last record that was handed to a reader. */
  readonly #read = new Map<string, number>();
  #sequence = 0;

  constructor(options: SimStreamOptions) {
    this.#options = options;
    const count = BigInt(options.shards);
    for (let index = 0n; index < count; index += 1n)
      this.#add((hashes * index) / count, (hashes * (index + 1n)) / count - 1n, []);
  }

  /** Accepts a record in the shard of its key. */
  put(key: string, bytes: Uint8Array): string {
    const shard = this.#openShard(this.shardOf(key));
    this.#sequence += 1;
    shard.records.push({ sequence: this.#sequence, atMs: this.#options.nowMs(), bytes });
    return shard.shardId;
  }

  /** The open shard of a key. */
  shardOf(key: string): string {
    const hash = (hashes * BigInt(partitionOf(key, shares))) / BigInt(shares);
    const shard = this.#shards.find((each) => each.closedMs === null && each.start <= hash && hash <= each.end);
    if (shard === undefined) throw new RangeError(`no open shard for ${key}`);
    return shard.shardId;
  }

  get retentionMs(): number {
    return this.#options.retentionMs;
  }

  get openShards(): readonly string[] {
    return this.#shards.filter(({ closedMs }) => closedMs === null).map(({ shardId }) => shardId);
  }

  /** Sequence number of the newest record of each shard, 0 where it never had one. */
  get ends(): ReadonlyMap<string, number> {
    return new Map(this.#shards.map(({ shardId, records }) => [shardId, records.at(-1)?.sequence ?? 0]));
  }

  split(shardId: string): void {
    const parent = this.#openShard(shardId);
    const middle = (parent.start + parent.end) / 2n;
    parent.closedMs = this.#options.nowMs();
    this.#add(parent.start, middle, [shardId]);
    this.#add(middle + 1n, parent.end, [shardId]);
  }

  /** Two open shards that lie side by side, if there are such. */
  mergeable(): readonly [string, string] | undefined {
    const open = this.#shards.filter(({ closedMs }) => closedMs === null);
    for (const left of open) {
      const right = open.find(({ start }) => start === left.end + 1n);
      if (right !== undefined) return [left.shardId, right.shardId];
    }
    return undefined;
  }

  merge(left: string, right: string): void {
    const [a, b] = [this.#openShard(left), this.#openShard(right)];
    if (a.end + 1n !== b.start) throw new RangeError(`${left} and ${right} are not adjacent`);
    for (const shard of [a, b]) shard.closedMs = this.#options.nowMs();
    this.#add(a.start, b.end, [left, right]);
  }

  list(): readonly Shard[] {
    this.#forget();
    const listed = new Set(this.#shards.map(({ shardId }) => shardId));
    return this.#shards.map(({ shardId, parents, start, end }) => ({
      shardId,
      parents: parents.filter((parent) => listed.has(parent)),
      startHash: start.toString(),
      endHash: end.toString(),
    }));
  }

  /** What follows the record `after`; `mayClose`: a drained shard says that it is closed. */
  page(shardId: string, after: number, mayClose: boolean): Omit<ShardPage, 'askedAt'> {
    this.#forget();
    const shard = this.#shards.find((each) => each.shardId === shardId);
    if (shard === undefined) return { records: [], millisBehindLatest: 0, closed: true, gap: true };
    const first = shard.records.findIndex(({ sequence }) => sequence > after);
    const rest = first === -1 ? [] : shard.records.slice(first);
    const records = rest.slice(0, this.#options.pageMax);
    const next = rest[records.length];
    const last = records.at(-1);
    if (last !== undefined) this.#read.set(shardId, Math.max(this.#read.get(shardId) ?? 0, last.sequence));
    return {
      records: records.map(({ sequence, bytes }) => ({ sequenceNumber: String(sequence), bytes })),
      millisBehindLatest: next === undefined ? 0 : this.#options.nowMs() - (last?.atMs ?? next.atMs),
      closed: next === undefined && shard.closedMs !== null && mayClose,
      gap: false,
    };
  }

  /** Whether a reader that is at `after` has read all there will ever be. */
  isDrained(shardId: string, after: number): boolean {
    const shard = this.#shards.find((each) => each.shardId === shardId);
    return shard === undefined || (shard.closedMs !== null && (shard.records.at(-1)?.sequence ?? 0) <= after);
  }

  #forget(): void {
    const horizon = this.#options.nowMs() - this.#options.retentionMs;
    for (const shard of this.#shards) {
      const kept = shard.records.filter(({ atMs }) => atMs >= horizon);
      if (kept.length === shard.records.length) continue;
      const read = this.#read.get(shard.shardId) ?? 0;
      const lost = shard.records.filter(({ atMs, sequence }) => atMs < horizon && sequence > read).length;
      if (lost > 0) this.#options.onLost(lost);
      shard.records = kept;
    }
    this.#shards = this.#shards.filter(({ closedMs }) => closedMs === null || closedMs >= horizon);
  }

  #add(start: bigint, end: bigint, parents: readonly string[]): void {
    const index = this.#shards.reduce((max, { shardId }) => Math.max(max, Number(shardId.slice(-12)) + 1), 0);
    const shardId = `shardId-${String(index).padStart(12, '0')}`;
    this.#shards.push({ shardId, parents, start, end, records: [], closedMs: null });
  }

  #openShard(shardId: string): StoredShard {
    const shard = this.#shards.find((each) => each.shardId === shardId);
    if (shard === undefined || shard.closedMs !== null) throw new RangeError(`no open shard ${shardId}`);
    return shard;
  }
}
