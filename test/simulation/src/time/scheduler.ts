import { Random } from './random.js';

/** Something that happens at a moment. */
interface Happening {
  readonly atMs: number;
  /** Decides among those of the same moment. */
  readonly tie: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** More happenings than this at one moment would go on for ever. */
const perMomentMax = 100_000;
/** How many happenings share one turn of Node's event loop; between any two of them every promise job runs. */
const perTurn = 64;

/**
 * Virtual time: what is to happen, in the order of its time, one after the other. What one happening sets going by promises has come to rest
 * before the next begins, so a run depends on its seed alone.
 */
export class Scheduler {
  readonly #heap: Happening[] = [];
  readonly #random: Random;
  #nowMs = 0;
  #happened = 0;
  #atThisMoment = 0;
  #failure: Error | undefined;

  constructor(seed: number) {
    this.#random = new Random(seed, 'ties');
  }

  /** Ms since the run began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How much has happened. */
  get happened(): number {
    return this.#happened;
  }

  /** The returned function cancels it. */
  at(atMs: number, run: () => void): () => void {
    const dueMs = Math.max(this.#nowMs, Math.ceil(atMs * 1_000) / 1_000);
    const happening: Happening = { atMs: dueMs, tie: this.#random.next(), run, cancelled: false };
    push(this.#heap, happening);
    return () => {
      happening.cancelled = true;
    };
  }

  after(delayMs: number, run: () => void): () => void {
    return this.at(this.#nowMs + Math.max(0, delayMs), run);
  }

  /** Lets time pass up to `untilMs`. Rejects with what a happening threw. */
  async run(untilMs: number): Promise<void> {
    while ((this.#heap[0]?.atMs ?? Infinity) <= untilMs) await this.#turn(untilMs);
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #turn(untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      for (let step = 0; step < perTurn; step += 1) setImmediate(() => this.#step(untilMs));
      setImmediate(() => {
        if (this.#failure === undefined) resolve();
        else reject(this.#failure);
      });
    });
  }

  #step(untilMs: number): void {
    while (this.#heap[0]?.cancelled === true) pop(this.#heap);
    const next = this.#heap[0];
    if (next === undefined || next.atMs > untilMs || this.#failure !== undefined) return;
    pop(this.#heap);
    this.#atThisMoment = next.atMs === this.#nowMs ? this.#atThisMoment + 1 : 0;
    this.#nowMs = next.atMs;
    this.#happened += 1;
    try {
      if (this.#atThisMoment > perMomentMax) throw new Error(`time stands still at ${this.#nowMs} ms`);
      next.run();
    } catch (error) {
      this.#failure =
        error instanceof Error ? error : new Error('something else than an error was thrown', { cause: error });
    }
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie);
}

function push(heap: Happening[], added: Happening): void {
  let index = heap.push(added) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Happening;
    if (!isBefore(added, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = added;
}

function pop(heap: Happening[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    const right = heap[child + 1];
    if (right !== undefined && isBefore(right, heap[child] as Happening)) child += 1;
    const below = heap[child];
    if (below === undefined || !isBefore(below, last)) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
}
