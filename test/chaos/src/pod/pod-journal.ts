import { machineMs, type PodEvent } from '../pod-protocol.js';

const batchMax = 200;
const holdMs = 20;

type Unstamped<E> = E extends PodEvent ? Omit<E, 'at'> : never;

/** Stamps what a caller did and saw, and sends it on in batches. */
export class PodJournal {
  readonly #send: (events: readonly PodEvent[]) => Promise<void>;
  #waiting: PodEvent[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (events: readonly PodEvent[]) => Promise<void>) {
    this.#send = send;
  }

  note(what: Unstamped<PodEvent>): void {
    this.#waiting.push({ ...what, at: machineMs() });
    if (this.#waiting.length >= batchMax) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), holdMs);
  }

  /** Resolves when all that was noted has left the process. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#waiting;
    this.#waiting = [];
    return this.#send(events);
  }
}
