import { apiNamed, type ApiName } from './api-table.js';
import { type KafkaErrorName } from './error-codes.js';

/** What a request meets before and after it is handled. */
export interface RequestFate {
  readonly delayMs: number;
  /** The connection closes before the request is looked at. */
  readonly isDropped: boolean;
  /** The request is carried out, and the connection closes in place of an answer. */
  readonly losesAnswer: boolean;
  /** Answered for every topic, partition or member of the request, which is not carried out. */
  readonly error: KafkaErrorName | undefined;
}

interface ArmedFault extends Partial<RequestFate> {
  readonly api: ApiName;
  requestsLeft: number;
}

const unharmed: RequestFate = { delayMs: 0, isDropped: false, losesAnswer: false, error: undefined };

/** Faults that wait for the next requests of their kind; several on one kind add up. */
export class RequestFaults {
  #armed: ArmedFault[] = [];

  arm(api: ApiName, requests: number, fault: Partial<RequestFate>): void {
    this.#armed.push({ ...fault, api, requestsLeft: requests });
  }

  disarm(): void {
    this.#armed = [];
  }

  /** Uses up one request of every fault that is armed for this kind. */
  next(apiKey: number): RequestFate {
    if (this.#armed.length === 0) return unharmed;
    const api = apiNamed(apiKey);
    let fate = unharmed;
    for (const armed of this.#armed) {
      if (armed.api !== api) continue;
      armed.requestsLeft -= 1;
      fate = {
        delayMs: Math.max(fate.delayMs, armed.delayMs ?? 0),
        isDropped: fate.isDropped || armed.isDropped === true,
        losesAnswer: fate.losesAnswer || armed.losesAnswer === true,
        error: fate.error ?? armed.error,
      };
    }
    this.#armed = this.#armed.filter(({ requestsLeft }) => requestsLeft > 0);
    return fate;
  }
}
