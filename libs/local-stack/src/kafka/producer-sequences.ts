import { type BatchHeader } from './record-batch.js';

/** What becomes of a batch of an idempotent producer. */
export type SequenceVerdict =
  | { readonly kind: 'append' }
  /** It was appended before, at `baseOffset`; its acknowledgement was lost. */
  | { readonly kind: 'duplicate'; readonly baseOffset: bigint }
  | { readonly kind: 'refuse'; readonly error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' | 'INVALID_PRODUCER_EPOCH' };

interface AppendedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: bigint;
}

interface ProducerState {
  readonly epoch: number;
  /** Oldest first. */
  readonly recent: readonly AppendedBatch[];
}

/** Batches of a producer that are remembered: as many as it may have in flight. */
const recentMax = 5;
/** Producers that are remembered for a partition; beyond it, the one that has been silent longest is forgotten. */
const producersMax = 1_000;
const sequenceMask = 0x7fff_ffff;

/** Tells new batches of idempotent producers from repeated ones, for one partition. */
export class ProducerSequences {
  readonly #producers = new Map<bigint, ProducerState>();

  check(header: BatchHeader): SequenceVerdict {
    if (header.producerId < 0n) return { kind: 'append' };
    const state = this.#producers.get(header.producerId);
    if (state === undefined) return { kind: 'append' };
    if (header.producerEpoch < state.epoch) return { kind: 'refuse', error: 'INVALID_PRODUCER_EPOCH' };
    if (header.producerEpoch > state.epoch) {
      return header.baseSequence === 0 ? { kind: 'append' } : { kind: 'refuse', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' };
    }
    const lastSequence = lastSequenceOf(header);
    const repeated = state.recent.find(
      (batch) => batch.firstSequence === header.baseSequence && batch.lastSequence === lastSequence,
    );
    if (repeated !== undefined) return { kind: 'duplicate', baseOffset: repeated.baseOffset };
    const expected = ((state.recent.at(-1)?.lastSequence ?? -1) + 1) & sequenceMask;
    return header.baseSequence === expected
      ? { kind: 'append' }
      : { kind: 'refuse', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' };
  }

  /** Remembers a batch that was appended. */
  record(header: BatchHeader): void {
    const { producerId, producerEpoch, baseSequence, baseOffset } = header;
    if (producerId < 0n) return;
    const known = this.#producers.get(producerId);
    const recent = known?.epoch === producerEpoch ? known.recent : [];
    const appended = { firstSequence: baseSequence, lastSequence: lastSequenceOf(header), baseOffset };
    this.#producers.delete(producerId);
    this.#producers.set(producerId, { epoch: producerEpoch, recent: [...recent, appended].slice(-recentMax) });
    if (this.#producers.size <= producersMax) return;
    const [silent] = this.#producers.keys();
    if (silent !== undefined) this.#producers.delete(silent);
  }
}

/** Counted in offsets and not in records: compaction takes records, and a restart reads what it left. */
function lastSequenceOf({ baseSequence, baseOffset, lastOffset }: BatchHeader): number {
  return (baseSequence + Number(lastOffset - baseOffset)) & sequenceMask;
}
