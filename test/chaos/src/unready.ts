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
  #lateMs = 0;

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

  /** How much longer than wanted a wait of this process has lasted: where nobody has the processor, nothing gets ready. */
  late(ms: number): void {
    this.#lateMs = Math.max(this.#lateMs, ms);
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
    return [...said, `the test itself was up to ${Math.round(this.#lateMs)} ms late`].join('; ');
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
