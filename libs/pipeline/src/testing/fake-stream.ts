import { type Clock, TidemarkError, wait } from '@tidemark/runtime';
import {
  type Shard,
  type ShardCursor,
  type ShardPage,
  type ShardPosition,
  type ShardReader,
  type StreamDescription,
} from '../ports.js';
import { Stall } from './stall.js';

export interface FakeStreamOptions {
  readonly clock: Clock;
  /** Shards at the start, of equal width. Default 1. */
  readonly shards?: number;
  /** Time between two reads of a shard that has nothing new, ms. Default 200. */
  readonly pollMs?: number;
  /** Records of a page. Default 100. */
  readonly pageMax?: number;
  /** What cursors say that no page is larger than, bytes. Default: nothing. */
  readonly pageBytesMax?: number;
  /** Default 24 h. */
  readonly retentionMs?: number;
  /** How many pages after the one with its last record a closed shard says that it is closed. Default 0. */
  readonly closesAfter?: number;
}

interface StoredRecord {
  readonly sequence: number;
  readonly at: number;
  readonly bytes: Uint8Array;
}

interface StoredShard {
  readonly shardId: string;
  readonly parents: readonly string[];
  readonly start: bigint;
  readonly end: bigint;
  records: StoredRecord[];
  closedAt: number | null;
}

const hashes = 1n << 128n;

/** A stream in memory that can be split, merged, trimmed and replaced; its clock is the test's. */
export class FakeStream implements ShardReader {
  readonly #options: Required<Omit<FakeStreamOptions, 'pageBytesMax'>> & Pick<FakeStreamOptions, 'pageBytesMax'>;
  #shards: StoredShard[] = [];
  #retentionMs: number;
  #sequence = 0;
  #firstSequence = 1;
  #generation = 1;
  readonly #stall = new Stall();
  #fault: (operation: 'describe' | 'listShards' | 'read', shardId: string) => TidemarkError | undefined = () =>
    undefined;

  constructor(options: FakeStreamOptions) {
    this.#options = { shards: 1, pollMs: 200, pageMax: 100, retentionMs: 86_400_000, closesAfter: 0, ...options };
    this.#retentionMs = this.#options.retentionMs;
    this.#open(this.#options.shards);
  }

  /** What a test does to the next calls; `undefined` lets a call pass. */
  set fault(fault: (operation: 'describe' | 'listShards' | 'read', shardId: string) => TidemarkError | undefined) {
    this.#fault = fault;
  }

  set down(down: boolean) {
    const error = new TidemarkError('STREAM_UNAVAILABLE', 'the stream does not answer', { retriable: true });
    this.#fault = () => (down ? error : undefined);
  }

  /** While stalled, no call is answered, not even with a failure. */
  set stalled(stalled: boolean) {
    this.#stall.shut = stalled;
  }

  set retentionMs(retentionMs: number) {
    this.#retentionMs = retentionMs;
  }

  /** Accepts a record now; `share` in [0, 1) picks the place in the key space. */
  put(
    share: number,
    bytes: Uint8Array | string,
  ): { readonly shardId: string; readonly at: number; readonly sequenceNumber: string } {
    const hash = (hashes * BigInt(Math.floor(share * 1_000_000))) / 1_000_000n;
    const shard = this.#shards.find((each) => each.closedAt === null && each.start <= hash && hash <= each.end);
    if (shard === undefined) throw new RangeError(`no open shard at ${share}`);
    const at = this.#options.clock.now();
    this.#sequence += 1;
    shard.records.push({ sequence: this.#sequence, at, bytes: Buffer.from(bytes) });
    return { shardId: shard.shardId, at, sequenceNumber: String(this.#sequence) };
  }

  /** Records accepted so far; their sequence numbers are 1, 2, … */
  get records(): number {
    return this.#sequence;
  }

  /** Whether the stream still has the record. */
  holds(sequenceNumber: string): boolean {
    const sequence = Number(sequenceNumber);
    return this.#shards.some((shard) => shard.records.some((record) => record.sequence === sequence));
  }

  get openShards(): readonly string[] {
    return this.#shards.filter((shard) => shard.closedAt === null).map((shard) => shard.shardId);
  }

  split(shardId: string): void {
    const parent = this.#shard(shardId);
    const middle = (parent.start + parent.end) / 2n;
    parent.closedAt = this.#options.clock.now();
    this.#add(parent.start, middle, [shardId]);
    this.#add(middle + 1n, parent.end, [shardId]);
  }

  merge(left: string, right: string): void {
    const [a, b] = [this.#shard(left), this.#shard(right)];
    if (a.end + 1n !== b.start) throw new RangeError(`${left} and ${right} are not adjacent`);
    for (const shard of [a, b]) shard.closedAt = this.#options.clock.now();
    this.#add(a.start, b.end, [left, right]);
  }

  /** Forgets what was accepted before `at`, closed shards that are empty then included. */
  trim(at: number): void {
    for (const shard of this.#shards) shard.records = shard.records.filter((record) => record.at >= at);
    this.#shards = this.#shards.filter((shard) => shard.closedAt === null || shard.closedAt >= at);
  }

  /** Deletes the stream and makes it again under the same name; `sequencesGoOn`: it takes the old one's positions for its own. */
  replace(options: { readonly sequencesGoOn?: boolean } = {}): void {
    this.#generation += 1;
    if (options.sequencesGoOn !== true) this.#firstSequence = this.#sequence + 1;
    this.#shards = [];
    this.#open(this.#options.shards);
  }

  async describe(signal: AbortSignal): Promise<StreamDescription> {
    await this.#begin('describe', '', signal);
    return { streamId: `fake:${this.#generation}`, retentionMs: this.#retentionMs };
  }

  async listShards(signal: AbortSignal): Promise<readonly Shard[]> {
    await this.#begin('listShards', '', signal);
    const listed = new Set(this.#shards.map((shard) => shard.shardId));
    return this.#shards.map(({ shardId, parents, start, end }) => ({
      shardId,
      parents: parents.filter((parent) => listed.has(parent)),
      startHash: start.toString(),
      endHash: end.toString(),
    }));
  }

  open(shardId: string, position: ShardPosition): ShardCursor {
    const { clock, pollMs, pageBytesMax } = this.#options;
    let after = position.type === 'after' ? Number(position.sequenceNumber) : 0;
    let gap = position.type === 'after' && (after < this.#firstSequence || after > this.#sequence);
    if (gap) after = 0;
    let dueMs = clock.monotonicMs();
    let drainedPages = 0;
    let askedSinceMs: number | null = null;
    return {
      ...(pageBytesMax === undefined ? {} : { pageBytesMax }),
      get askedSinceMs() {
        return askedSinceMs;
      },
      read: async (signal) => {
        await wait(clock, dueMs - clock.monotonicMs(), signal);
        askedSinceMs = clock.monotonicMs();
        const askedAt = clock.now();
        try {
          // As Kinesis answers: nothing is read from there, however often it is tried.
          if (Number.isNaN(after))
            throw new TidemarkError('STREAM_UNAVAILABLE', 'ValidationException', { retriable: true });
          await this.#begin('read', shardId, signal);
        } finally {
          askedSinceMs = null;
        }
        const page = this.#page(shardId, after, gap, drainedPages >= this.#options.closesAfter);
        after = Number(page.records.at(-1)?.sequenceNumber ?? after);
        gap = false;
        drainedPages = this.#isDrained(shardId, after) ? drainedPages + 1 : 0;
        dueMs = clock.monotonicMs() + (page.millisBehindLatest === 0 ? pollMs : 1);
        return { ...page, askedAt };
      },
    };
  }

  #page(shardId: string, after: number, gap: boolean, mayClose: boolean): Omit<ShardPage, 'askedAt'> {
    const shard = this.#shards.find((each) => each.shardId === shardId);
    if (shard === undefined) return { records: [], millisBehindLatest: 0, closed: true, gap: true };
    const rest = shard.records.filter((record) => record.sequence > after);
    const records = rest.slice(0, this.#options.pageMax);
    const next = rest[records.length];
    const drained = next === undefined && shard.closedAt !== null;
    return {
      records: records.map(({ sequence, bytes }) => ({ sequenceNumber: String(sequence), bytes })),
      millisBehindLatest:
        next === undefined ? 0 : Math.max(1, this.#options.clock.now() - (records.at(-1)?.at ?? next.at)),
      closed: drained && mayClose,
      gap,
    };
  }

  #isDrained(shardId: string, after: number): boolean {
    const shard = this.#shards.find((each) => each.shardId === shardId);
    return shard === undefined || (shard.closedAt !== null && (shard.records.at(-1)?.sequence ?? 0) <= after);
  }

  #open(count: number): void {
    for (let index = 0n; index < BigInt(count); index += 1n) {
      this.#add((hashes * index) / BigInt(count), (hashes * (index + 1n)) / BigInt(count) - 1n, []);
    }
  }

  #add(start: bigint, end: bigint, parents: readonly string[]): void {
    const index = this.#shards.reduce((max, shard) => Math.max(max, Number(shard.shardId.slice(-12)) + 1), 0);
    const shardId = `shardId-${String(index).padStart(12, '0')}`;
    this.#shards.push({ shardId, parents, start, end, records: [], closedAt: null });
  }

  #shard(shardId: string): StoredShard {
    const shard = this.#shards.find((each) => each.shardId === shardId);
    if (shard === undefined || shard.closedAt !== null) throw new RangeError(`no open shard ${shardId}`);
    return shard;
  }

  async #begin(operation: 'describe' | 'listShards' | 'read', shardId: string, signal: AbortSignal): Promise<void> {
    await this.#stall.pass(signal);
    if (signal.aborted) throw new TidemarkError('ABORTED', 'the call was aborted', { retriable: false });
    const error = this.#fault(operation, shardId);
    if (error !== undefined) throw error;
  }
}
