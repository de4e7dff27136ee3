import { type Clock, wait } from '@tidemark/runtime';
import { type WarmUp, type WarmUpRun } from './warm-up.js';

/** How far a pod has got with the keys of a region whose traffic it may take over. */
export interface StandbyProgress {
  readonly region: string;
  /** Age of the list that was read last, ms; `null`: none has been read. */
  readonly listAgeMs: number | null;
  /** Keys of it, as far as they are read here. */
  readonly keys: number;
  /** Of them, those that L1 had before the list was read last. */
  readonly held: number;
  /** Keys installed since the pod started; what L1 has lost since is installed again. */
  readonly installed: number;
  /** Keys since then that are in no item, and that could not be read. */
  readonly absent: number;
  readonly failed: number;
  /** Why the last reading ended as it did; `null`: it has simply read everything. */
  readonly reason: string | null;
}

export interface StandbyOptions {
  readonly regions: readonly string[];
  /** Between two readings of a list, at most, ms. */
  readonly everyMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  /**
   * A warm-up from the list of that region alone, which marks what it brings in as not asked for here. Such keys do not belong into this region's
   * list: two regions that stand by for each other would keep each other's keys for ever, long after the last caller asked for them.
   */
  readonly warmUp: (region: string) => WarmUp;
}

type Row = { -readonly [Name in keyof Omit<StandbyProgress, 'listAgeMs'>]: StandbyProgress[Name] } & {
  listAt: number | null;
};

/**
 * Keeps a running pod warm for regions whose callers may come to it without notice: it reads their lists of hot keys again and again, and then what
 * L1 lacks of them. Each reading is a warm-up: best effort, within the budget of reads, and at an end when L1 is full.
 */
export class Standby {
  readonly #options: StandbyOptions;
  readonly #ended = new AbortController();
  readonly #rows: readonly Row[];
  #current: WarmUp | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: StandbyOptions) {
    this.#options = options;
    this.#rows = options.regions.map((region) => ({
      ...{ region, listAt: null, keys: 0, held: 0, installed: 0, absent: 0, failed: 0, reason: null },
    }));
  }

  get progress(): readonly StandbyProgress[] {
    const nowMs = this.#options.clock.now();
    return this.#rows.map(({ listAt, ...row }) => ({
      ...row,
      listAgeMs: listAt === null ? null : Math.max(0, nowMs - listAt),
    }));
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when nothing is under way, save reads that their time-out ends. Idempotent. */
  async close(): Promise<void> {
    this.#ended.abort();
    this.#current?.stop('the pod closes');
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random, everyMs } = this.#options;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      for (const row of this.#rows) await this.#read(row);
      await wait(clock, everyMs * (0.5 + random() / 2), signal, { unref: true });
    }
  }

  async #read(row: Row): Promise<void> {
    if (this.#ended.signal.aborted) return;
    const warmUp = this.#options.warmUp(row.region);
    this.#current = warmUp;
    await warmUp.run();
    note(row, warmUp.progress);
  }
}

function note(row: Row, { list, keys, held, installed, absent, failed, reason }: WarmUpRun): void {
  row.listAt = list?.at ?? row.listAt;
  row.keys = keys;
  row.held = held;
  row.installed += installed;
  row.absent += absent;
  row.failed += failed;
  row.reason = reason;
}
