import { type Clock, onAbort, wait } from '@tidemark/runtime';

/** Which requests a fault meets; a field left out matches everything. */
export interface FaultTarget {
  readonly service?: 'dynamodb' | 'kinesis';
  readonly region?: string;
  /** As AWS names it: `PutItem`, `GetRecords`. */
  readonly operation?: string;
  /** The name of a table or stream that the request names. */
  readonly resource?: string;
}

export type FaultAction =
  /** Served later. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Served only once the fault is cleared. */
  | { readonly kind: 'stall' }
  /** The connection is closed and nothing is done. */
  | { readonly kind: 'drop' }
  /** The request takes effect and the connection is closed instead of an answer: its caller cannot know. */
  | { readonly kind: 'dropAnswer' }
  /** Answered with an error of AWS, and nothing is done. */
  | { readonly kind: 'error'; readonly statusCode: number; readonly type: string; readonly message: string }
  /** Served, and the answer says something else. */
  | { readonly kind: 'amend'; readonly amend: (answer: Readonly<Record<string, unknown>>) => object };

/** A fault that was set. */
export interface Fault {
  /** Requests it has met. */
  readonly hits: number;
  /** Takes it away; requests that it holds go on. */
  clear(): void;
}

export interface FaultableRequest {
  readonly service: 'dynamodb' | 'kinesis';
  readonly region: string;
  readonly operation: string;
  /** The tables or the stream that it names; asked only when a fault wants to know. */
  readonly resources: () => readonly string[];
}

/** What to do with a request once every delay and stall that met it is over. */
export type FaultVerdict =
  { readonly kind: 'serve' } | Exclude<FaultAction, { readonly kind: 'delay' } | { readonly kind: 'stall' }>;

/**
 * The faults in force. A request waits out every `delay` and `stall` that matches it; of the other faults, the oldest that matches
 * meets it, and no other.
 */
export class RequestFaults {
  readonly #clock: Clock;
  readonly #rules = new Set<Rule>();
  readonly #stopped = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sets a fault for the next `times` matching requests. */
  add(target: FaultTarget, action: FaultAction, times: number): Fault {
    const rule = new Rule(target, action, times, () => this.#rules.delete(rule));
    this.#rules.add(rule);
    return rule;
  }

  async meet(request: FaultableRequest): Promise<FaultVerdict> {
    if (this.#rules.size === 0) return { kind: 'serve' };
    const waits = [];
    let verdict: FaultVerdict | undefined;
    for (const rule of this.#rules) {
      if (!rule.matches(request)) continue;
      const { action } = rule;
      if (action.kind === 'delay') waits.push(this.#delay(rule.hit(), action.delayMs));
      else if (action.kind === 'stall') waits.push(rule.hit());
      else if (verdict === undefined) {
        void rule.hit();
        verdict = action;
      }
    }
    await Promise.all(waits);
    return this.#stopped.signal.aborted ? { kind: 'drop' } : (verdict ?? { kind: 'serve' });
  }

  clearAll(): void {
    for (const rule of [...this.#rules]) rule.clear();
  }

  /** Lets go of every request that waits, to be dropped. */
  stop(): void {
    this.#stopped.abort();
    this.clearAll();
  }

  async #delay(cleared: Promise<void>, delayMs: number): Promise<void> {
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, this.#stopped.signal]);
    await Promise.race([wait(this.#clock, delayMs, signal), cleared]);
    ended.abort();
  }
}

class Rule implements Fault {
  readonly action: FaultAction;
  readonly #target: FaultTarget;
  readonly #remove: () => void;
  readonly #cleared = new AbortController();
  #times: number;
  #hits = 0;

  constructor(target: FaultTarget, action: FaultAction, times: number, remove: () => void) {
    this.#target = target;
    this.action = action;
    this.#times = times;
    this.#remove = remove;
  }

  get hits(): number {
    return this.#hits;
  }

  matches(request: FaultableRequest): boolean {
    const { service, region, operation, resource } = this.#target;
    return (
      (service === undefined || service === request.service) &&
      (region === undefined || region === request.region) &&
      (operation === undefined || operation === request.operation) &&
      (resource === undefined || request.resources().includes(resource))
    );
  }

  /** Counts a request; resolves when the fault is cleared. */
  hit(): Promise<void> {
    this.#hits++;
    this.#times--;
    if (this.#times <= 0) this.#remove();
    const { signal } = this.#cleared;
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else onAbort(signal, resolve);
    });
  }

  clear(): void {
    this.#remove();
    this.#cleared.abort();
  }
}
