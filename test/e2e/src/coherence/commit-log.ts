interface Commit {
  readonly n: number;
  /** When the write was called, and when it was acknowledged: the replica changed in between. */
  readonly calledAt: number;
  readonly ackedAt: number;
}

/** For how long a value that was served had been overwritten when its read began, ms. */
export interface Age {
  /** For certain: since the overwriting write was acknowledged. 0: it may have been the latest. */
  readonly certainMs: number;
  /** At most: since the overwriting write was called. */
  readonly atMostMs: number;
}

/**
 * What was committed to a replica and when, so that every read can be judged. The writes of a key are made one after another and number its
 * values upwards. Times are of one monotonic clock.
 */
export class CommitLog {
  readonly #byKey = new Map<string, Commit[]>();

  /** The next number of a key that nobody has taken. */
  committed(key: string, n: number, calledAt: number, ackedAt: number): void {
    const commits = this.#byKey.get(key) ?? [];
    if (n <= (commits.at(-1)?.n ?? -1)) throw new Error(`value ${n} of ${key} is not newer than the one before`);
    commits.push({ n, calledAt, ackedAt });
    this.#byKey.set(key, commits);
  }

  get size(): number {
    return [...this.#byKey.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Of value `n`, served to a read that began at `readAt`. */
  age(key: string, n: number, readAt: number): Age {
    const commits = this.#byKey.get(key) ?? [];
    // From the end: what is served is almost always the latest or the one before.
    let overwriting: Commit | undefined;
    for (let index = commits.length - 1; index >= 0; index -= 1) {
      const commit = commits[index];
      if (commit === undefined || commit.n <= n) break;
      overwriting = commit;
    }
    if (overwriting === undefined) return { certainMs: 0, atMostMs: 0 };
    return {
      certainMs: Math.max(0, readAt - overwriting.ackedAt),
      atMostMs: Math.max(0, readAt - overwriting.calledAt),
    };
  }
}
