import { expect, it } from '@jest/globals';
import {
  chunksOf,
  highestOf,
  isForBuckets,
  outgoing,
  planTable,
  replayedOf,
  type SourceRecord,
} from '@tidemark/pipeline/internals';
import { decodeRewindNote, decodeRoute, encodeRewindNote, type RewindNote, rewound } from '@tidemark/protocol';
import { fuzz } from './fuzz.js';
import { goldenBytes, goldenHeaders, readGolden } from './golden.js';

const place = { topic: 'tidemark.cdc.users', partition: 0, firstOffset: 7n, nextOffset: 8n };
const note: RewindNote = { id: 1, until: 9n, lost: false };

it('a record, whatever its header says, is passed on by the dispatcher as it is, or is left out of what is not for it', () => {
  const sizes = new Set<number>();
  fuzz({ corpus: goldenHeaders(), runs: 100_000 }, (header) => {
    const [event, control] = ['users:42', null].map((key) => recordOf(key, header));
    for (const record of [event, control]) if (record !== undefined) for (const size of sent(record)) sizes.add(size);
    if (control !== undefined && !isForBuckets(control, [])) throw new Error('what is about no key is for everybody');
  });
  expect(sizes).toEqual(new Set([0, 1]));
}, 600_000);

function recordOf(key: string | null, header: Uint8Array): SourceRecord {
  return { key, value: key === null ? null : Buffer.from('{}'), header: Buffer.from(header), src: 7 };
}

/** How many records go to everybody, to the buckets of the key, and to others. */
function sent(record: SourceRecord): readonly number[] {
  const [chunk] = [...chunksOf('users', { records: [record] }, 10)];
  if (chunk === undefined) throw new Error('a record is gone');
  highestOf(chunk, 0);
  const all = [undefined, ['users'], ['others']].map((buckets) => outgoing('users', 0, chunk, 3, buckets));
  if (all.some((each) => each.length > 1 || each.some(({ record: { src } }) => src !== 7)))
    throw new Error('it is another record');
  if (all[0]?.length !== 1) throw new Error('it is left out for everybody');
  const again = replayedOf({ ...place, records: [record], rewind: note }, undefined);
  if (again.length === 1 && again[0] !== record) throw new Error('a replay changes it');
  return all.map(({ length }) => length);
}

const notes = readGolden<string>('rewind-notes.json').map((text) => Buffer.from(text));

it('a note beside a committed offset, whatever it says, is none, or one by which a partition goes no further than it was', () => {
  const outcomes = new Set<boolean>();
  fuzz({ corpus: notes, runs: 100_000 }, (input) => {
    const read = decodeRewindNote(Buffer.from(input).toString('utf8'));
    outcomes.add(read !== undefined);
    if (read === undefined) return;
    if (!Number.isSafeInteger(read.id) || read.id < 0 || read.until < 0n)
      throw new Error(`read as ${encodeRewindNote(read)}`);
    const again = decodeRewindNote(encodeRewindNote(read));
    if (again?.id !== read.id || again.until !== read.until || again.lost !== read.lost)
      throw new Error('what is written again is read as another');
    const after = rewound(10n, read, read.id + 1, { offset: 3n, lost: false });
    if (after.offset !== 3n || after.note.until < 10n) throw new Error(`it goes to ${after.offset}`);
    replayedOf({ ...place, records: [], rewind: read }, undefined);
  });
  expect(outcomes).toEqual(new Set([true, false]));
}, 600_000);

it('a route, whatever stands in it, can be planned for if it can be read', () => {
  const types = new Set<string>();
  fuzz({ corpus: goldenBytes('routes.json'), runs: 50_000 }, (input) => {
    const decoded = decodeRoute(input);
    if (!decoded.ok) return;
    const record = { key: 'users:42', value: null, header: null, src: 7 };
    replayedOf({ ...place, records: [record], rewind: { ...note, id: decoded.route.rewind?.id ?? 1 } }, decoded.route);
    types.add(planTable(decoded.route, place.topic, () => ({ partitions: 1 })).type);
  });
  expect(types).toEqual(new Set(['dispatch', 'unrouted']));
}, 600_000);
