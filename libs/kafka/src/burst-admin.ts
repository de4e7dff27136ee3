import { withDeadline } from '@tidemark/runtime';
import { type Admin } from 'kafkajs';
import { type AdminCallOptions, noRetry } from './admin-call.js';
import { kafkaErrorType } from './kafka-error.js';

interface Shared {
  readonly admin: Admin;
  readonly connected: Promise<void>;
  calls: number;
}

/**
 * One admin connection for all calls that are at work at the same time, closed behind the last of them: a login for each of some hundred questions at
 * once is more than small brokers let in.
 */
export class BurstAdmin {
  readonly #options: AdminCallOptions;
  #shared: Shared | undefined;

  constructor(options: AdminCallOptions) {
    this.#options = options;
  }

  /** Fails with `TIMEOUT` or `ABORTED`, or as Kafka failed; the next call has a connection of its own then. */
  async call<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const { clock, timeoutMs = 10_000, signal } = this.#options;
    const shared = this.#join();
    try {
      return await withDeadline({ clock, timeoutMs, what: 'kafka admin call', signal }, async () => {
        await shared.connected;
        return work(shared.admin);
      });
    } catch (error) {
      if (kafkaErrorType(error) === undefined) this.#leave(shared);
      throw error;
    } finally {
      shared.calls -= 1;
      if (shared.calls === 0) {
        this.#leave(shared);
        void shared.admin.disconnect().catch(() => undefined);
      }
    }
  }

  #join(): Shared {
    if (this.#shared === undefined) {
      const admin = this.#options.client.admin({ retry: noRetry });
      const connected = admin.connect();
      connected.catch(() => undefined);
      this.#shared = { admin, connected, calls: 0 };
    }
    this.#shared.calls += 1;
    return this.#shared;
  }

  #leave(shared: Shared): void {
    if (this.#shared === shared) this.#shared = undefined;
  }
}
