import { type BrokerStore } from './broker-store.js';

/** Gives every idempotent producer an id of its own, never the same twice. */
export class ProducerIds {
  readonly #store: BrokerStore;
  #next = 0n;

  constructor(store: BrokerStore) {
    this.#store = store;
    for (const event of store.events()) if (event.type === 'producer-ids') this.#next = BigInt(event.next);
  }

  take(): bigint {
    const id = this.#next;
    this.#store.note({ type: 'producer-ids', next: String(id + 1n) });
    this.#next = id + 1n;
    return id;
  }
}
