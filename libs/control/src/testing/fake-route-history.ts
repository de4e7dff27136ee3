import { type RouteHistoryEntry } from '@tidemark/protocol';

import { type RouteHistoryLog } from '../ports.js';

/** A history in memory, that outlives the processes of a test. */
export class FakeRouteHistory implements RouteHistoryLog {
  readonly entries: RouteHistoryEntry[] = [];
  /** Fails every call, while it is set. */
  failure: Error | undefined;
  /** Called before each append. */
  beforeAppend: (signal: AbortSignal) => Promise<void> = async () => undefined;
  closed = false;

  async append(entry: RouteHistoryEntry, signal: AbortSignal): Promise<void> {
    await this.beforeAppend(signal);
    if (this.failure !== undefined) throw this.failure;
    this.entries.push(entry);
  }

  async read(table: string, max: number): Promise<readonly RouteHistoryEntry[]> {
    if (this.failure !== undefined) throw this.failure;
    return this.entries
      .filter(({ after }) => after.table === table)
      .slice(-max)
      .reverse();
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
