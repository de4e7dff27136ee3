import { type PodReport, type Route } from '@tidemark/protocol';
import { type Clock, every, isTidemarkError, type Logger, messageOf, thinned } from '@tidemark/runtime';

import { type RoutingTable } from './routing-table.js';

/** What pods say of how far they are. */
export interface PodProgress {
  /** The last report of each live pod. Fails, retriably, while it is not known which pods are live. */
  read(signal: AbortSignal): Promise<readonly PodReport[]>;
}

export interface MoveControllerOptions {
  readonly table: RoutingTable;
  /** Default: nobody can tell, so that each move takes its whole time. */
  readonly pods?: PodProgress | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between two looks, ms. Default 2,000. */
  readonly intervalMs?: number;
  /** A move that is overdue for this long has lost its writer: whoever looks takes over, ms. Default 15,000. */
  readonly takeOverAfterMs?: number;
}

/**
 * Ends moves: once every live pod has left the topics that are given up, or when a move's time is over. It remembers nothing: all there is to know
 * stands in the route, and each step is a compare-and-set, so that any process may take the next one after the death of another.
 */
export class MoveController {
  readonly #options: MoveControllerOptions;
  readonly #again: Pick<Logger, 'warn'>;
  readonly #closing = new AbortController();
  #stop: () => void = () => undefined;
  #stepping: Promise<void> | undefined;

  constructor(options: MoveControllerOptions) {
    this.#options = options;
    this.#again = thinned(options.logger, options.clock);
  }

  start(): void {
    const { clock, intervalMs = 2_000 } = this.#options;
    this.#stop = every(clock, intervalMs, () => this.step());
  }

  /** Ends the step that is under way. */
  async close(): Promise<void> {
    this.#stop();
    this.#closing.abort();
    await this.#stepping;
  }

  /** Looks at every move once. Never rejects; what fails is tried again by the next one. */
  step(): Promise<void> {
    this.#stepping ??= this.#look().finally(() => (this.#stepping = undefined));
    return this.#stepping;
  }

  async #look(): Promise<void> {
    try {
      const moving = this.#moving();
      if (moving.length === 0) return;
      const pods = await this.#reports();
      for (const route of moving) await this.#advance(route, pods);
    } catch (error) {
      if (!this.#closing.signal.aborted)
        this.#again.warn({ error: messageOf(error) }, 'a move could not go on for now');
    }
  }

  #moving(): readonly Route[] {
    const { type } = this.#options.table.state;
    if (type === 'closed' || type === 'unsupported' || type === 'standby') return [];
    return this.#options.table.list().filter(({ move, paused }) => move !== undefined && paused !== true);
  }

  async #reports(): Promise<readonly PodReport[]> {
    try {
      return (await this.#options.pods?.read(this.#closing.signal)) ?? [];
    } catch (error) {
      this.#again.warn({ error: messageOf(error) }, 'which pods follow a move is not known for now');
      return [];
    }
  }

  async #advance(route: Route, pods: readonly PodReport[]): Promise<void> {
    const { table, clock, takeOverAfterMs = 15_000 } = this.#options;
    const overdueMs = clock.now() - (route.move?.until ?? 0);
    if (overdueMs < 0 && !haveFollowed(route, pods)) return;
    const signal = this.#closing.signal;
    if (table.state.type === 'superseded') {
      if (overdueMs < takeOverAfterMs) return;
      await table.takeOver(signal);
    }
    try {
      await table.operate(route.table, { type: 'finish' }, { ifMatch: route.version, actor: 'move', signal });
    } catch (error) {
      // Somebody else has changed the route, or ended the move: it is looked at anew.
      if (!isTidemarkError(error, 'ROUTE_CONFLICT') && !isTidemarkError(error, 'ROUTE_NOT_FOUND')) throw error;
    }
  }
}

/**
 * Whether no live pod needs the topics that a move gives up. A pod that follows nothing yet is waited for, and where no pod is known at all,
 * nobody can tell.
 */
export function haveFollowed({ table, topics, limited = {}, move }: Route, pods: readonly PodReport[]): boolean {
  if (move === undefined) return false;
  const kept = new Set([move.to, ...Object.keys(limited)]);
  const left = Object.keys(topics).filter((topic) => !kept.has(topic));
  const followed = pods.flatMap(({ tables, leaving }) => (leaving ? [] : [tables[table]?.topics])).filter(isKnown);
  if (followed.length === 0) return false;
  const isPast = (topic: string | null): boolean => topic !== null && kept.has(topic);
  return left.length === 0 || followed.every((partitions) => partitions.length > 0 && partitions.every(isPast));
}

function isKnown<T>(value: T | undefined): value is T {
  return value !== undefined;
}
