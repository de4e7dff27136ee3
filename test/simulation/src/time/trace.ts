import { createHash } from 'node:crypto';

/** `story`: what a reader of a failed run wants to see; `detail`: what only proves that two runs are the same. */
export type TraceLevel = 'story' | 'detail';

export interface TraceLine {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
  readonly level: TraceLevel;
  /** Key that it is about; `undefined`: none, or all. */
  readonly key: string | undefined;
}

const linesPerUpdate = 1_000;

/** Everything that happened, as text: its hash tells whether two runs are the same; the lines are kept only when asked for. */
export class Trace {
  readonly #nowMs: () => number;
  readonly #hash = createHash('sha256');
  readonly #kept: TraceLine[] | undefined;
  #pending: string[] = [];
  #digest: string | undefined;

  constructor(nowMs: () => number, keepsLines: boolean) {
    this.#nowMs = nowMs;
    this.#kept = keepsLines ? [] : undefined;
  }

  note(who: string, what: string, level: TraceLevel = 'detail', key?: string): void {
    const atMs = this.#nowMs();
    this.#pending.push(`${atMs} ${who} ${what}`);
    if (this.#pending.length >= linesPerUpdate) this.#update();
    this.#kept?.push({ atMs, who, what, level, key });
  }

  /** Whether lines are kept. */
  get keepsLines(): boolean {
    return this.#kept !== undefined;
  }

  /** For a reader alone: not part of what is compared. */
  remark(who: string, what: string, key?: string): void {
    this.#kept?.push({ atMs: this.#nowMs(), who, what, level: 'story', key });
  }

  get lines(): readonly TraceLine[] {
    return this.#kept ?? [];
  }

  /** Of every byte; nothing can be noted afterwards. */
  get digest(): string {
    this.#update();
    this.#digest ??= this.#hash.digest('hex');
    return this.#digest;
  }

  #update(): void {
    if (this.#pending.length === 0) return;
    this.#hash.update(`${this.#pending.join('\n')}\n`);
    this.#pending = [];
  }
}
