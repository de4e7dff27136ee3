import { type Route } from '@tidemark/protocol';
import { type Clock, type Logger, messageOf } from '@tidemark/runtime';

import { Later } from './later.js';
import { type WriterElection } from './ports.js';
import { type RouteLedger } from './route-ledger.js';
import { type WriterSeat } from './writer-seat.js';

export interface WriterCandidacyOptions {
  readonly seat: WriterSeat;
  readonly election: WriterElection | undefined;
  readonly ledger: Pick<RouteLedger, 'epoch' | 'count'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Does `work` behind the changes that are under way, once the log is read to its end; fails as they do. */
  readonly atEnd: (what: string, signal: AbortSignal | undefined, work: () => void) => Promise<void>;
  /** Called each time that the seat is taken. */
  readonly onWriter: () => void;
}

/** Between two attempts to take the seat while elected, ms. */
const retryMs = 1_000;

/**
 * How this process comes to write the routing table, and comes to stop: at once where nobody is elected, else as soon and as long as it is, and
 * never before it has read what others have written.
 */
export class WriterCandidacy {
  readonly #options: WriterCandidacyOptions;
  readonly #later: Later;
  #closed = false;

  constructor(options: WriterCandidacyOptions) {
    this.#options = options;
    this.#later = new Later(options.clock, retryMs);
  }

  /** Call it once the log is read to its end. */
  start(): void {
    const { seat, election } = this.#options;
    if (seat.state.type !== 'closed' || this.#closed) return;
    if (election === undefined) return this.become();
    seat.standBy();
    election.start(() => this.#onElection());
    this.#onElection();
  }

  /** Takes the seat again after another writer had taken over, unless another one is elected; nothing to do otherwise. */
  async takeOver(signal: AbortSignal | undefined): Promise<void> {
    await this.#options.atEnd('takeOver', signal, () => {
      if (this.#options.seat.state.type === 'superseded') this.become();
    });
  }

  /** Takes the seat, under the highest epoch seen + 1. */
  become(): void {
    const { seat, ledger, logger, onWriter } = this.#options;
    const epoch = ledger.epoch + 1;
    seat.take(epoch);
    logger.info({ epoch, routes: ledger.count }, 'routing table open for changes');
    onWriter();
  }

  /** Whoever is elected comes back, but not at once: of two that believe to be, the one whose record came second is then the only one that repairs. */
  stepDownBefore({ table, writerEpoch, changedBy }: Route): void {
    const { seat, election, logger } = this.#options;
    const { state } = seat;
    if (state.type !== 'writer' || writerEpoch < state.epoch) return;
    const { epoch } = state;
    seat.supersede(writerEpoch);
    logger.warn({ table, writerEpoch, epoch, changedBy }, 'another writer has taken the routing table over');
    if (election !== undefined) this.#later.set(() => this.#onElection());
  }

  /** Leaves the seat, then the election. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#options.seat.close();
    this.#later.cancel();
    await this.#options.election?.close();
  }

  /** Another writer's records may still be on their way when this process is elected, so it reads the log to its end first. */
  #onElection(): void {
    this.#later.cancel();
    if (this.#closed) return;
    if (!this.#options.seat.mayTake) return this.#options.seat.standBy();
    void this.#takeSeat();
  }

  async #takeSeat(): Promise<void> {
    const { seat, logger, atEnd } = this.#options;
    try {
      await atEnd('takeSeat', undefined, () => {
        if (!this.#closed && seat.mayTake && seat.isWaiting) this.become();
      });
    } catch (error) {
      if (this.#closed) return;
      logger.warn({ error: messageOf(error) }, 'the routing table cannot be opened for changes yet');
      this.#later.set(() => this.#onElection());
    }
  }
}
