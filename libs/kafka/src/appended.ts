import { type PublishedAt } from '@tidemark/cache';
import { type OutgoingRecord } from '@tidemark/pipeline';

/** Where the broker put a run of records of one partition. */
export interface AppendedRun {
  readonly partition: number;
  readonly count: number;
  /** Offset of the first; the others follow it. */
  readonly baseOffset: number;
  /** The broker's time of the append, ms since the epoch; -1 where producers date their records. */
  readonly appendTimeMs: number;
}

export interface AppendedAt extends PublishedAt {
  /** As in the run. */
  readonly appendTimeMs: number;
}

/** The place of each record, in the order given; `runs` are those of each partition in the order in which its records were given. */
export function placesOf(records: readonly OutgoingRecord[], runs: readonly AppendedRun[]): AppendedAt[] {
  const waiting = new Map<number, AppendedRun[]>();
  for (const run of runs) {
    const earlier = waiting.get(run.partition);
    if (earlier === undefined) waiting.set(run.partition, [run]);
    else earlier.push(run);
  }
  return records.map(({ partition }) => {
    const left = waiting.get(partition) ?? [];
    const run = left[0];
    if (run === undefined) throw new RangeError(`more records of partition ${partition} than were acknowledged`);
    const { baseOffset, count, appendTimeMs } = run;
    if (count > 1) left[0] = { ...run, baseOffset: baseOffset + 1, count: count - 1 };
    else left.shift();
    return { partition, offset: baseOffset, appendTimeMs };
  });
}
