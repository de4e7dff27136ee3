import { type SourceBatch } from '@tidemark/pipeline';
import { type Batch } from 'kafkajs';
import { fromTableTopic } from './wire.js';

export interface GroupBatch {
  /** `undefined`: everything in it was handled before. */
  readonly batch: SourceBatch | undefined;
  /** Where to go on; never before where it stood, unless the log was cut. */
  readonly nextOffset: bigint;
  /** Records dropped because they were handled before. */
  readonly duplicates: number;
  /** It does not begin where the last one ended. */
  readonly gap: boolean;
  /** The log ends before where it was to go on: it is another one. */
  readonly cut: boolean;
}

/**
 * A fetched batch against the offset that comes next: what lies before it was handled already, unless the log itself ends before it, which
 * means that the log was cut or made anew and that its records are others.
 */
export function groupBatch(fetched: Batch, next: bigint | undefined): GroupBatch {
  const { topic, partition } = fetched;
  const first = BigInt(fetched.firstOffset() ?? '0');
  const end = BigInt(fetched.lastOffset()) + 1n;
  const cut = next !== undefined && BigInt(fetched.highWatermark) < next;
  const nextOffset = next !== undefined && !cut && next > end ? next : end;
  const fresh =
    next === undefined || cut || first >= next
      ? fetched.messages
      : fetched.messages.filter(({ offset }) => BigInt(offset) >= next);
  const duplicates = fetched.messages.length - fresh.length;
  const gap = next !== undefined && (cut || first > next);
  const head = fresh[0];
  if (head === undefined) return { batch: undefined, nextOffset, duplicates, gap, cut };
  const firstOffset = BigInt(head.offset);
  return {
    batch: { topic, partition, records: fresh.map(fromTableTopic), firstOffset, nextOffset, afterGap: gap },
    nextOffset,
    duplicates,
    gap,
    cut,
  };
}
