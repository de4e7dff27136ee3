import { TidemarkError } from '@tidemark/runtime';
import { type ShardLease } from './ports.js';
import { isEnded } from './watermark.js';

interface Seen {
  readonly streamId: string;
  readonly counter: number;
  readonly sinceMs: number;
}

/**
 * Tells a lease table that workers of another stream, or for other topics, are using from one that they have left behind. By its rows alone: those who live write theirs, and
 * each row names its stream. A stream that was made anew under its name is the same one here: its old rows are of no use to anybody. Where workers of two streams
 * have come at the same moment, so that both read already, the one whose name comes first goes on.
 */
export class OtherStreams {
  readonly #failoverMs: number;
  #seen = new Map<string, Seen>();
  #hasRead = false;

  /** `failoverMs`: rows that stand still for so long are nobody's. */
  constructor(failoverMs: number) {
    this.#failoverMs = failoverMs;
  }

  /** This worker reads a shard: the lease table was its stream's. */
  reads(): void {
    this.#hasRead = true;
  }

  /** Whether every row may be made this stream's; `false`: it is not known yet. Throws `INVALID_CONFIGURATION` once it is known to be another's. */
  areGone(rows: readonly ShardLease[], streamId: string, monotonicMs: number): boolean {
    const held = rows.filter((row) => isHeldForAnother(row, streamId) && !this.#goesBefore(row, streamId));
    const seen = new Map<string, Seen>();
    for (const row of held) {
      const before = this.#seen.get(row.shardId);
      if (before?.streamId === row.streamId && before.counter !== row.counter) throw inUse(row, streamId);
      const first = { streamId: row.streamId, counter: row.counter, sinceMs: monotonicMs };
      seen.set(row.shardId, before?.streamId === row.streamId ? before : first);
    }
    this.#seen = seen;
    return [...seen.values()].every(({ sinceMs }) => monotonicMs - sinceMs >= this.#failoverMs);
  }

  #goesBefore(row: ShardLease, streamId: string): boolean {
    return this.#hasRead && nameOf(streamId) < nameOf(row.streamId);
  }
}

function isHeldForAnother(row: ShardLease, streamId: string): boolean {
  const isNamed = row.problem === undefined && row.streamId !== '';
  return isNamed && row.owner !== null && !isEnded(row) && nameOf(row.streamId) !== nameOf(streamId);
}

/** Prefix of the topics and name of the stream; what comes behind tells streams of one name apart. */
function nameOf(streamId: string): string {
  return streamId.slice(0, streamId.lastIndexOf(':'));
}

function inUse({ streamId, shardId, owner }: ShardLease, ours: string): TidemarkError {
  const message = `the lease table is in use for ${told(streamId)}: worker ${owner} renews the lease of ${shardId}; ${told(ours)} needs one of its own`;
  return new TidemarkError('INVALID_CONFIGURATION', message, {
    retriable: false,
    context: { theirs: nameOf(streamId), ours: nameOf(ours), owner },
  });
}

function told(streamId: string): string {
  const [prefix = '', ...name] = nameOf(streamId).split(':');
  return `stream ${name.join(':')} and topics ${prefix}.…`;
}
