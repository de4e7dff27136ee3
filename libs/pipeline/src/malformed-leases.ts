import { TidemarkError } from '@tidemark/runtime';
import { type ShardLease } from './ports.js';
import { type RetryObserver } from './retry.js';

/** Tells of rows of the lease table that cannot be read, and when they can again: nobody reads such a shard, and no watermark is published. */
export class MalformedLeases {
  readonly #observer: RetryObserver;
  readonly #told = new Set<string>();

  constructor(observer: RetryObserver) {
    this.#observer = observer;
  }

  note(rows: readonly ShardLease[]): void {
    const problems = new Map(
      rows.flatMap(({ shardId, problem }) => (problem === undefined ? [] : [[shardId, problem]])),
    );
    for (const shardId of this.#told) {
      if (problems.has(shardId)) continue;
      this.#told.delete(shardId);
      this.#observer.succeeded(readingLease(shardId));
    }
    for (const [shardId, problem] of problems) {
      this.#told.add(shardId);
      const error = new TidemarkError('MALFORMED_ITEM', problem, { retriable: false, context: { shardId } });
      this.#observer.failed(readingLease(shardId), error);
    }
  }
}

function readingLease(shardId: string): string {
  return `reading the lease of ${shardId}`;
}
