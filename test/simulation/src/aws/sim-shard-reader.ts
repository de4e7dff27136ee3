import {
  type Shard,
  type ShardCursor,
  type ShardPage,
  type ShardPosition,
  type ShardReader,
  type StreamDescription,
} from '@tidemark/pipeline';
import { TidemarkError, wait } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { type SimStream } from './sim-stream.js';

export interface SimShardReaderOptions {
  readonly stream: SimStream;
  readonly link: Link;
  /** Time between two reads of a shard that has nothing new, ms. */
  readonly pollMs: number;
  /** How many pages after the one with its last record a closed shard says that it is closed. */
  readonly closesAfter: number;
}

const callTimeoutMs = 2_000;

/** A sync process's view of the stream. */
export class SimShardReader implements ShardReader {
  readonly #options: SimShardReaderOptions;

  constructor(options: SimShardReaderOptions) {
    this.#options = options;
  }

  describe(signal: AbortSignal): Promise<StreamDescription> {
    const { stream } = this.#options;
    return this.#call('describe the stream', signal, () => ({
      streamId: 'stream',
      retentionMs: stream.retentionMs,
    }));
  }

  listShards(signal: AbortSignal): Promise<readonly Shard[]> {
    return this.#call('list shards', signal, () => this.#options.stream.list());
  }

  open(shardId: string, position: ShardPosition): ShardCursor {
    const { stream, link, pollMs, closesAfter } = this.#options;
    const { clock } = link.process;
    let after = position.type === 'after' ? Number(position.sequenceNumber) : 0;
    let dueMs = clock.monotonicMs();
    let drainedPages = 0;
    let askedSinceMs: number | null = null;
    return {
      get askedSinceMs() {
        return askedSinceMs;
      },
      read: async (signal): Promise<ShardPage> => {
        await wait(clock, dueMs - clock.monotonicMs(), signal);
        const mayClose = drainedPages >= closesAfter;
        const askedAt = clock.now();
        askedSinceMs = clock.monotonicMs();
        const page = await this.#call(`read ${shortId(shardId)}`, signal, () =>
          stream.page(shardId, after, mayClose),
        ).finally(() => (askedSinceMs = null));
        after = Number(page.records.at(-1)?.sequenceNumber ?? after);
        drainedPages = stream.isDrained(shardId, after) ? drainedPages + 1 : 0;
        dueMs = clock.monotonicMs() + (page.millisBehindLatest === 0 ? pollMs : 1);
        return { ...page, askedAt };
      },
    };
  }

  #call<T>(what: string, signal: AbortSignal, serve: () => T): Promise<T> {
    const failed = (reason: string): Error =>
      new TidemarkError('STREAM_UNAVAILABLE', `${what}: ${reason}`, { retriable: true });
    return this.#options.link.call({
      ...{ what, signal, serve, timeoutMs: callTimeoutMs, unsent: failed },
      unanswered: (reason, cause) =>
        cause === 'aborted'
          ? new TidemarkError('ABORTED', `${what} was aborted`, { retriable: false })
          : failed(reason),
    });
  }
}

function shortId(shardId: string): string {
  return `shard ${Number(shardId.slice(-12))}`;
}
