/** One reason, whatever the numbers in it. */
interface Reason {
  last: string;
  readonly sinceMs: number;
  untilMs: number;
  looks: number;
}

/** Kinds of reasons that are kept; what comes beyond them is counted. */
const reasonsMax = 20;
const namedMax = 4;

/** What a process has said, or others of it, while it did not work. */
export class Unready {
  readonly #reasons = new Map<string, Reason>();
  #looks = 0;
  readonly #late = { count: 0, sumMs: 0, maxMs: 0 };

  /** `why`, and how long after what put the process right. */
  note(why: string, atMs: number): void {
    this.#looks += 1;
    const kind = why.replaceAll(/\d+/g, '#');
    const known = this.#reasons.get(kind);
    if (known !== undefined) {
      known.last = why;
      known.untilMs = atMs;
      known.looks += 1;
    } else if (this.#reasons.size < reasonsMax)
      this.#reasons.set(kind, { last: why, sinceMs: atMs, untilMs: atMs, looks: 1 });
  }

  /**
   * How much longer than wanted a wait of this process has lasted. AWS and the proxies run in it, so that a call of a role takes some five of its turns:
   * where those last 200 ms, no worker reads the lease table within its second, and nothing gets ready.
   */
  late(ms: number): void {
    this.#late.count += 1;
    this.#late.sumMs += ms;
    this.#late.maxMs = Math.max(this.#late.maxMs, ms);
  }

  /** The reasons that were heard most, the last among them. */
  describe(): string {
    const all = [...this.#reasons.values()];
    const [last] = [...all].sort((a, b) => b.untilMs - a.untilMs);
    const most = all.sort((a, b) => b.looks - a.looks).slice(0, namedMax);
    const named = last === undefined || most.includes(last) ? most : [...most, last];
    const said = named.map(
      (reason) =>
        `${reason.looks} of ${this.#looks} looks, ${seconds(reason.sinceMs)} to ${seconds(reason.untilMs)}: ${reason.last}`,
    );
    const { count, sumMs, maxMs } = this.#late;
    const meanMs = Math.round(sumMs / Math.max(1, count));
    return [...said, `the test itself was ${meanMs} ms late on average, ${Math.round(maxMs)} at most`].join('; ');
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
