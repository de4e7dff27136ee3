import { type Cache, isTidemarkError, type Tidemark, type WriteReceipt } from '@tidemark/cache';
import { type Random, seededRandom } from '@tidemark/local-stack';
import { type Load, type Plant, type PodAnswer, type PodTask, type Told } from '../pod-protocol.js';
import { type PodJournal } from './pod-journal.js';

export interface PodCallerOptions {
  /** Unique to this start; in every value that it writes. */
  readonly life: string;
  readonly tidemark: Tidemark;
  readonly cache: Cache<string>;
  readonly journal: PodJournal;
  readonly plant: (what: Plant) => void;
}

const shedMsMax = 5_000;

type Operation = 'get' | 'put' | 'putIfAbsent' | 'delete';

/** How many calls of a hundred are of each kind. */
const shares: Readonly<Record<Operation, number>> = { get: 70, put: 18, putIfAbsent: 5, delete: 7 };

/** A pod's callers: a load at random, and what is asked between loads. */
export class PodCaller {
  readonly #options: PodCallerOptions;
  #lastId = 0;
  #load: { readonly over: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(options: PodCallerOptions) {
    this.#options = options;
  }

  async carryOut(task: PodTask): Promise<PodAnswer> {
    switch (task.do) {
      case 'load':
        return this.#begin(task.load);
      case 'rest':
        return this.#rest();
      case 'serve':
        return this.#serve(task.keys, task.isRecorded);
      case 'hold':
        return { values: this.#held(task.keys) };
      case 'tell':
        return { told: this.#told() };
      case 'plant':
        return this.#plant(task.plant);
    }
  }

  #begin(load: Load): PodAnswer {
    const over = new AbortController();
    // Two callers, so that calls of one pod meet each other.
    const callers = [load.seed, load.seed + 1].map((seed) => this.#callAtRandom(load, seededRandom(seed), over.signal));
    this.#load = { over, ended: Promise.all(callers).then(() => undefined) };
    return {};
  }

  async #rest(): Promise<PodAnswer> {
    this.#load?.over.abort();
    await this.#load?.ended;
    await this.#options.journal.flush();
    return {};
  }

  #plant(plant: Plant): PodAnswer {
    if (plant === 'rejects-unhandled') void Promise.reject(new Error('planted'));
    this.#options.plant(plant);
    return {};
  }

  async #callAtRandom({ keys, pauseMs }: Load, random: Random, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const key = keys[Math.floor(random() * keys.length)] ?? '';
      const operation = operationOf(random());
      await (operation === 'get' ? this.#read(key) : this.#write(operation, key));
      await new Promise((resolve) => setTimeout(resolve, random() * 4 * pauseMs));
    }
  }

  async #serve(keys: readonly string[], isRecorded: boolean): Promise<PodAnswer> {
    const values: Record<string, string | null> = {};
    const errors: Record<string, string> = {};
    await Promise.all(
      keys.map(async (key) => {
        try {
          values[key] = await this.#untilServed(key);
          if (isRecorded) values[key] = await this.#read(key);
        } catch (error) {
          errors[key] = codeOf(error);
        }
      }),
    );
    await this.#options.journal.flush();
    return { values, errors };
  }

  /** A breaker that has tripped lets a growing share of the reads through once L2 answers again. */
  async #untilServed(key: string): Promise<string | null> {
    const endMs = performance.now() + shedMsMax;
    for (;;) {
      try {
        return (await this.#options.cache.get(key)) ?? null;
      } catch (error) {
        if (codeOf(error) !== 'OVERLOADED' || performance.now() > endMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Resolves to what was served; `null` for nothing, and where the read failed. */
  async #read(key: string): Promise<string | null> {
    const { cache, journal } = this.#options;
    const id = (this.#lastId += 1);
    const { watermark } = cache.inspect(key);
    journal.note({ type: 'read', id, key, watermark });
    const { hits } = cache.stats();
    const answer = cache.get(key);
    const from = cache.stats().hits > hits ? 'l1' : 'l2';
    try {
      const value = (await answer) ?? null;
      journal.note({ type: 'served', id, value, from });
      return value;
    } catch (error) {
      journal.note({ type: 'failed', id, code: codeOf(error) });
      return null;
    }
  }

  async #write(operation: Exclude<Operation, 'get'>, key: string): Promise<void> {
    const { cache, journal, life } = this.#options;
    const id = (this.#lastId += 1);
    const value = `${life}:${id}`;
    const condition = operation === 'putIfAbsent' ? ({ type: 'absent' } as const) : null;
    journal.note({ type: 'write', id, operation, key, value: operation === 'delete' ? null : value, condition });
    // It is known of before it is made: a kill may come between the two.
    await journal.flush();
    try {
      const receipt = await (operation === 'delete' ? cache.delete(key) : cache[operation](key, value));
      journal.note({ type: 'wrote', id, ...outcomeOf(receipt) });
    } catch (error) {
      const reason = codeOf(error);
      const result = reason === 'AMBIGUOUS_WRITE' ? 'ambiguous' : 'refused';
      journal.note({ type: 'wrote', id, result, reason, version: null });
    }
  }

  #held(keys: readonly string[]): Readonly<Record<string, string | null>> {
    const { cache } = this.#options;
    const held: Record<string, string | null> = {};
    for (const key of keys) {
      const value = cache.getIfPresent(key);
      // An entry beyond `maxStaleness` is there, and is not served.
      if (value !== undefined) held[key] = value;
      else if (cache.inspect(key).state === 'absent') held[key] = null;
    }
    return held;
  }

  #told(): Told {
    const { cache, tidemark } = this.#options;
    const staleness = cache.staleness();
    const { events, hits } = cache.stats();
    return {
      ...{ state: tidemark.health().state, events, hits, now: Date.now() },
      stalenessMs: Number.isFinite(staleness) ? staleness : null,
    };
  }
}

function outcomeOf(receipt: WriteReceipt) {
  if (receipt.applied) return { result: 'applied', reason: '', version: receipt.writeId } as const;
  return { result: 'refused', reason: receipt.reason, version: null } as const;
}

function operationOf(dice: number): Operation {
  let left = dice * 100;
  for (const [operation, share] of Object.entries(shares) as [Operation, number][]) {
    if (left < share) return operation;
    left -= share;
  }
  return 'get';
}

function codeOf(error: unknown): string {
  return isTidemarkError(error) ? error.code : String(error);
}
