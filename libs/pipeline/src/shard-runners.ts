import { type Hole } from './hole-flush.js';
import { type ShardLease } from './ports.js';
import { type ClaimsSnapshot, ShardClaims } from './shard-claims.js';
import { knownReadUpTo } from './shard-leases.js';
import { type ShardHealth, ShardRunner, type ShardRunnerContext } from './shard-runner.js';
import { isEnded } from './watermark.js';

/** The shards that a worker reads, and what it can claim of them, and of those that it has read. */
export class ShardRunners {
  readonly #context: ShardRunnerContext;
  readonly #onEnded: () => void;
  readonly #running = new Map<string, ShardRunner>();
  readonly #claims = new ShardClaims();
  #rows: readonly ShardLease[] = [];

  /** `onEnded` hears of each shard that is read to its end. */
  constructor(context: ShardRunnerContext, onEnded: () => void) {
    this.#context = context;
    this.#onEnded = onEnded;
  }

  get size(): number {
    return this.#running.size;
  }

  get shardIds(): ReadonlySet<string> {
    return new Set(this.#running.keys());
  }

  /** How far the slowest is behind, at least, ms; 0: none is read. */
  get lagMs(): number {
    return Math.max(0, ...[...this.#running.values()].map((runner) => runner.lagMsMin));
  }

  /** Tables of which these shards have left changes out. */
  get owedTables(): readonly string[] {
    return [...this.#running.values()].flatMap(({ hold }) => [...hold.owes.keys()]);
  }

  /** Every shard that is not read to its end, others' too. */
  get health(): readonly ShardHealth[] {
    const others = this.#rows
      .filter((row) => !isEnded(row) && !this.#running.has(row.shardId))
      .map(({ shardId, owner, readUpTo }) => ({ shardId, owner, lagMs: null, readUpTo, lastError: null }));
    return [...[...this.#running.values()].map((runner) => runner.health), ...others];
  }

  /** Takes note of the rows of the stream as they were last read. */
  note(rows: readonly ShardLease[]): void {
    this.#rows = rows;
  }

  /**
   * Reads a shard whose lease was taken. `credible`: the row without a claim that is not believed, which still tells how far the shard is known to be read; `hole`: to be covered
   * before that; `takenAtMs`: monotonic time before the lease was asked for.
   */
  start(row: ShardLease, credible: ShardLease, hole: Hole | null, takenAtMs: number): void {
    const readUpTo = knownReadUpTo(row, new Map(this.#rows.map((each) => [each.shardId, each])));
    const runner = new ShardRunner(this.#context, { row: credible, readUpTo, hole, takenAtMs });
    this.#running.set(row.shardId, runner);
    void runner.finished.then((outcome) => {
      this.noteClaims();
      this.#running.delete(row.shardId);
      if (outcome === 'ended') this.#onEnded();
    });
  }

  /** Lets go of shards that are somebody else's by `rows`, or of a stream that is there no more. */
  dropLost(rows: readonly ShardLease[], streamId: string): void {
    for (const row of rows) this.#running.get(row.shardId)?.hold.observe(row);
    for (const { hold } of this.#running.values())
      if (hold.row.streamId !== streamId) hold.drop('of a stream that was replaced');
  }

  /** Lets go of every shard, once its row says that each of `tables` is owed a flush. */
  async dropOwing(tables: readonly string[], reason: string): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ hold }) => hold.dropOwing(tables, reason)));
  }

  /** Lets go of every shard without a word to the lease table. */
  drop(reason: string): void {
    for (const { hold } of this.#running.values()) hold.drop(reason);
  }

  /** Resolves when nothing of any shard runs any more. */
  async finished(): Promise<void> {
    await Promise.all([...this.#running.values()].map((runner) => runner.finished));
  }

  noteClaims(): ClaimsSnapshot {
    this.#claims.note(
      [...this.#running.values()].map(({ hold }) => hold),
      this.#rows,
      this.#context.options.clock.now(),
    );
    return this.#claims.snapshot();
  }
}
