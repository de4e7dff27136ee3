import { Staged } from './staged.js';

/** What the bus brings to one pod. */
export interface BusMessage {
  /** Whether it tells of a change of the data; a heartbeat does not. */
  readonly change: boolean;
  readonly deliver: () => void;
  /** The message is gone for good. */
  readonly lost?: () => void;
}

export interface BusLinkOptions {
  /** What happens to messages while the pod is cut off: a log keeps them, publish and subscribe does not. */
  readonly whileCut: 'kept' | 'lost';
  readonly onCut?: () => void;
  /** Before anything that was kept is delivered. */
  readonly onRestored?: () => void;
}

/** One pod's connection to the bus: what a script holds, loses, turns round or cuts. */
export class BusLink {
  readonly #options: BusLinkOptions;
  #state: 'open' | 'held' | 'cut' = 'open';
  #waiting: BusMessage[] = [];
  #losing: Staged | undefined;

  constructor(options: BusLinkOptions) {
    this.#options = options;
  }

  receive(message: BusMessage): void {
    if (this.#losing?.over === false && message.change) {
      void this.#losing.meet();
      return message.lost?.();
    }
    if (this.#state === 'open') return message.deliver();
    if (this.#state === 'cut' && this.#options.whileCut === 'lost') return message.lost?.();
    this.#waiting.push(message);
  }

  /** Changes never arrive, until `release()`. */
  lose(): Staged {
    this.#losing = new Staged('a message on the bus');
    return this.#losing;
  }

  /** Messages wait on their way. */
  hold(): void {
    this.#state = 'held';
  }

  /** What waits arrives, as it was sent or the last change first. */
  release(order: 'as sent' | 'turned round' = 'as sent'): void {
    const waiting = this.#take();
    if (order === 'as sent') return waiting.forEach(({ deliver }) => deliver());
    const changes = waiting.filter(({ change }) => change).reverse();
    if (changes.length < 2) throw new Error(`expected two changes to turn round, got ${changes.length}`);
    for (const { deliver } of [...changes, ...waiting.filter(({ change }) => !change)]) deliver();
  }

  /** The pod is cut off from the bus. */
  cut(): void {
    this.#state = 'cut';
    this.#options.onCut?.();
  }

  restore(): void {
    this.#options.onRestored?.();
    for (const { deliver } of this.#take()) deliver();
  }

  #take(): readonly BusMessage[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#state = 'open';
    return waiting;
  }
}
