import { type ItemImage } from '@tidemark/protocol';
import { type Consistency, type ReadManyResult, type Store } from './backend.js';

export interface TickReadsOptions {
  readonly store: Store;
  readonly table: string;
  /** Time that one request may take, ms. */
  readonly timeoutMs: number;
  /** Default `strong`. */
  readonly consistency?: Consistency;
  /** Calls it once this tick's promise jobs are done; default Node's `process.nextTick` behind them. */
  readonly defer?: (work: () => void) => void;
}

interface Asked {
  readonly itemKey: string;
  readonly answer: (item: ItemImage | undefined) => void;
  readonly fail: (error: unknown) => void;
}

/** As many as one request of DynamoDB takes, so that nobody waits for a second one. */
const togetherMax = 100;

/**
 * Reads of single items. Those that are asked for in one tick of the event loop go out together, up to 100 in a request; one alone goes out as
 * a single read. Costs a miss some microseconds, and a burst of misses one request.
 */
export class TickReads {
  readonly #options: TickReadsOptions;
  #asked: Asked[] = [];

  constructor(options: TickReadsOptions) {
    this.#options = options;
  }

  /** The read itself begins after the call. */
  read(itemKey: string): Promise<ItemImage | undefined> {
    return new Promise((answer, fail) => {
      this.#asked.push({ itemKey, answer, fail });
      if (this.#asked.length === 1) (this.#options.defer ?? afterThisTick)(() => this.#sendAll());
    });
  }

  #sendAll(): void {
    const asked = this.#asked;
    this.#asked = [];
    const keysMax = Math.min(togetherMax, this.#options.store.readKeysMax ?? togetherMax);
    for (let at = 0; at < asked.length; at += keysMax) void this.#send(asked.slice(at, at + keysMax));
  }

  /** Never rejects: each who asked hears of a failure. */
  async #send(asked: readonly Asked[]): Promise<void> {
    const { store, table, timeoutMs, consistency } = this.#options;
    const call = { timeoutMs, consistency };
    try {
      const [first] = asked;
      if (asked.length === 1 && first !== undefined) first.answer(await store.read(table, first.itemKey, call));
      else
        this.#hand(
          asked,
          await store.readMany(
            table,
            asked.map(({ itemKey }) => itemKey),
            call,
          ),
        );
    } catch (error) {
      for (const { fail } of asked) fail(error);
    }
  }

  #hand(asked: readonly Asked[], { items, unread }: ReadManyResult): void {
    for (const { itemKey, answer, fail } of asked) {
      const failure = unread.get(itemKey);
      if (failure === undefined) answer(items.get(itemKey));
      else fail(failure);
    }
  }
}

/** Promise jobs may ask for more: those that are ready run first. */
function afterThisTick(work: () => void): void {
  void Promise.resolve().then(() => process.nextTick(work));
}
