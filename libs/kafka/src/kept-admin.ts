import { type Admin } from 'kafkajs';
import { noRetry } from './admin-call.js';
import { type KafkaClient } from './kafka-client.js';

interface Kept {
  readonly admin: Admin;
  readonly connected: Promise<void>;
}

/** One admin connection for many calls, made by the first of them, and anew after one that failed. Nothing is tried twice. */
export class KeptAdmin {
  readonly #client: KafkaClient;
  #kept: Kept | undefined;
  #closed = false;

  constructor(client: KafkaClient) {
    this.#client = client;
  }

  async call<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const kept = this.#connection();
    try {
      await kept.connected;
      return await work(kept.admin);
    } catch (error) {
      this.#drop(kept);
      throw error;
    }
  }

  /** Calls at work fail as their connection does. */
  async close(): Promise<void> {
    this.#closed = true;
    const kept = this.#kept;
    this.#kept = undefined;
    await kept?.admin.disconnect().catch(() => undefined);
  }

  #connection(): Kept {
    if (this.#closed) throw new Error('the connection is closed');
    if (this.#kept === undefined) {
      const admin = this.#client.admin({ retry: noRetry });
      const connected = admin.connect();
      connected.catch(() => undefined);
      this.#kept = { admin, connected };
    }
    return this.#kept;
  }

  #drop(kept: Kept): void {
    if (this.#kept !== kept) return;
    this.#kept = undefined;
    void kept.admin.disconnect().catch(() => undefined);
  }
}
