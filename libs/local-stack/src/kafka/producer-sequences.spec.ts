import { describe, expect, it } from '@jest/globals';
import { ProducerSequences, type SequenceVerdict } from './producer-sequences.js';
import { type BatchHeader, headerOf, placeBatch } from './record-batch.js';
import { makeBatch } from './testing/batches.js';

function header(
  sequence: number,
  options: { id?: bigint; epoch?: number; size?: number; baseOffset?: bigint } = {},
): BatchHeader {
  const { id = 1n, epoch = 0, size = 2, baseOffset = 0n } = options;
  const records = Array.from({ length: size }, () => ({ key: 'k', value: 'v' }));
  const batch = makeBatch({ records, producer: { id, epoch, sequence } });
  placeBatch(batch, baseOffset, 0);
  return headerOf(batch);
}

/** What becomes of batches in turn; those that may are appended, two offsets each. */
function verdicts(headers: readonly BatchHeader[]): SequenceVerdict[] {
  const sequences = new ProducerSequences();
  return headers.map((each, index) => {
    const verdict = sequences.check(each);
    if (verdict.kind === 'append') {
      const baseOffset = BigInt(index * 2);
      sequences.record({ ...each, baseOffset, lastOffset: baseOffset + each.lastOffset - each.baseOffset });
    }
    return verdict;
  });
}

const append = { kind: 'append' };
const outOfOrder = { kind: 'refuse', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' };

describe('ProducerSequences', () => {
  it('appends what follows on, and answers a repeated batch with its first offset', () => {
    expect(verdicts([header(0), header(2), header(2), header(0), header(4)])).toEqual([
      append,
      append,
      { kind: 'duplicate', baseOffset: 2n },
      { kind: 'duplicate', baseOffset: 0n },
      append,
    ]);
  });

  it('refuses a gap, and a repetition that it has forgotten', () => {
    expect(verdicts([header(0), header(4)])).toEqual([append, outOfOrder]);
    const seven = [0, 2, 4, 6, 8, 10].map((sequence) => header(sequence));
    expect(verdicts([...seven, header(0)]).at(-1)).toEqual(outOfOrder);
  });

  it('begins again with a new epoch, and refuses the old one from then on', () => {
    expect(verdicts([header(0), header(0, { epoch: 1 }), header(2)])).toEqual([
      append,
      append,
      { kind: 'refuse', error: 'INVALID_PRODUCER_EPOCH' },
    ]);
    expect(verdicts([header(0), header(2, { epoch: 1 })])[1]).toEqual(outOfOrder);
  });

  it('goes on at 0 after the largest sequence', () => {
    expect(verdicts([header(0x7fff_fffe), header(0)])).toEqual([append, append]);
  });

  it('tells producers apart and leaves those alone that are not idempotent', () => {
    expect(verdicts([header(0), header(0, { id: 2n }), header(-1, { id: -1n }), header(-1, { id: -1n })])).toEqual(
      Array(4).fill(append),
    );
  });

  it('forgets the producer that has been silent longest when there are too many', () => {
    const sequences = new ProducerSequences();
    for (let id = 0; id < 1_001; id += 1) sequences.record(header(0, { id: BigInt(id) }));
    expect(sequences.check(header(0, { id: 0n })).kind).toBe('append');
    expect(sequences.check(header(0, { id: 1n })).kind).toBe('duplicate');
  });
});
