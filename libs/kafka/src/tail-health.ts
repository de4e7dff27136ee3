import { messageOf } from '@tidemark/runtime';
import { type TailState } from './log-tail-options.js';

/** Whether a tail's brokers answer, and why nothing comes where they do not. */
export class TailHealth {
  readonly #onChange: (state: TailState) => void;
  /** `undefined` until a group was joined, or could not be. */
  #state: TailState | undefined;
  /** Why a consumer could not be begun, or topics could not be looked up, since the brokers last answered. */
  #trouble: string | undefined;

  constructor(onChange: (state: TailState) => void) {
    this.#onChange = onChange;
  }

  set(state: TailState): void {
    if (this.#state === state) return;
    this.#state = state;
    if (state === 'live') this.#trouble = undefined;
    this.#onChange(state);
  }

  failed(error: unknown): void {
    if (this.#state !== 'live') this.#trouble = messageOf(error);
  }

  /** The brokers have told where topics stand. */
  answered(): void {
    if (this.#state === undefined) this.#trouble = undefined;
  }

  /** Why nothing comes at present, where a topic may be `missing`; `undefined`: the brokers answer. */
  problem(missing: string | undefined): string | undefined {
    if (this.#state === 'interrupted') return this.#trouble ?? 'the brokers do not answer';
    if (this.#trouble !== undefined) return this.#trouble;
    if (missing !== undefined) return `there is no topic ${missing}`;
    return this.#state === undefined ? 'connecting to the brokers' : undefined;
  }
}
