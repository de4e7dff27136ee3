import { type Clock } from '@tidemark/runtime';
import { type Socket } from 'node:net';

export interface ProxyFlowOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly clock: Clock;
  /** Bytes held before `from` is read no more. */
  readonly bytesMax: number;
  /** How long the next bytes take, ms. */
  readonly delayMs: () => number;
  readonly isStalled: boolean;
}

interface Held {
  /** `undefined`: the end of what is sent. */
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

/** One direction of one connection: holds what is on its way, in order, and no more of it than it may. */
export class ProxyFlow {
  readonly #options: ProxyFlowOptions;
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #isStalled: boolean;
  #isDiscarding = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: ProxyFlowOptions) {
    const { from, to, isStalled } = options;
    this.#options = options;
    this.#isStalled = isStalled;
    from.on('data', (bytes: Buffer) => this.#hold(bytes));
    from.once('end', () => this.#hold(undefined));
    to.on('drain', () => this.#pass());
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  set stalled(isStalled: boolean) {
    this.#isStalled = isStalled;
    this.#pass();
  }

  /** Drops what is held, and whatever comes. */
  discard(): void {
    this.#isDiscarding = true;
    this.#held.length = 0;
    this.#heldBytes = 0;
    this.#cancelTimer?.();
    this.#options.from.resume();
  }

  #hold(bytes: Buffer | undefined): void {
    if (this.#isDiscarding) return;
    const { clock, delayMs, from, bytesMax } = this.#options;
    // Nothing overtakes what was sent before it.
    const dueMs = Math.max(clock.monotonicMs() + delayMs(), this.#held.at(-1)?.dueMs ?? 0);
    this.#held.push({ bytes, dueMs });
    this.#heldBytes += bytes?.length ?? 0;
    if (this.#heldBytes >= bytesMax) from.pause();
    this.#pass();
  }

  /** Writes what is due, as far as the other side takes it. */
  #pass(): void {
    const { clock, to, from, bytesMax } = this.#options;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    for (let next = this.#held[0]; next !== undefined && !this.#isStalled; next = this.#held[0]) {
      if (to.writableNeedDrain) break;
      const waitMs = next.dueMs - clock.monotonicMs();
      if (waitMs > 0) {
        this.#cancelTimer = clock.setTimer(() => this.#pass(), Math.ceil(waitMs));
        break;
      }
      this.#held.shift();
      if (next.bytes === undefined) to.end();
      else to.write(next.bytes);
      this.#heldBytes -= next.bytes?.length ?? 0;
    }
    if (this.#heldBytes <= bytesMax / 2 && from.isPaused()) from.resume();
  }
}
