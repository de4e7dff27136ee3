import { type TopicPartition } from '@tidemark/pipeline';
import { decodeRecord, type KeyRange, type RewindNote, type Route, type WireRecord } from '@tidemark/protocol';
import { type SimLog } from '../kafka/sim-log.js';

interface Replay {
  readonly id: number;
  /** Offsets in the table topic of what is to come again. */
  readonly wanted: Set<number>;
}

export interface RewindWatchOptions {
  /** Partitions of the table topic. */
  readonly logs: () => readonly SimLog[];
  readonly noteOf: (partition: number) => RewindNote | undefined;
  readonly hasCommitted: (partition: number) => boolean;
}

/**
 * What becomes of rewinds, as the brokers know it: each partition goes back once, sends again all change records that it is to, and goes on. It
 * bears what is sent more than once, as nobody may.
 */
export class RewindWatch {
  readonly problems: string[] = [];
  readonly #options: RewindWatchOptions;
  readonly #replays = new Map<number, Replay>();

  constructor(options: RewindWatchOptions) {
    this.#options = options;
  }

  /** Why the demand of a route is not done; `undefined`: it is, or there is none. */
  pending(route: Route | undefined): string | undefined {
    const { rewind } = route ?? {};
    if (rewind === undefined) return undefined;
    for (const partition of this.#options.logs().keys()) {
      const note = this.#options.noteOf(partition);
      if (note === undefined || note.id < rewind.id) {
        if (this.#options.hasCommitted(partition)) return `partition ${partition} is to be rewound`;
      } else if (note.until > 0n) return `partition ${partition} is in a replay`;
    }
    return undefined;
  }

  /** The group has committed an offset, with or without a note. `keys`: what the rewind is about. */
  noteCommit(
    { partition }: TopicPartition,
    offset: number,
    note: RewindNote | undefined,
    route: Route | undefined,
  ): void {
    const known = this.#replays.get(partition);
    if (note === undefined || (known !== undefined && note.id < known.id)) {
      this.#replays.delete(partition);
      return;
    }
    if (known?.id !== note.id) {
      const keys = route?.rewind?.id === note.id ? route.rewind.keys : undefined;
      // What a rewind that is superseded already was about is not known any more.
      const isKnown = route?.rewind?.id === note.id;
      const wanted = isKnown ? this.#wanted(partition, offset, Number(note.until), keys) : new Set<number>();
      this.#replays.set(partition, { id: note.id, wanted });
      return;
    }
    this.#notePassed(partition, offset, known);
  }

  /** What was at `offset` and beyond is lost, of one partition or of all. */
  noteOtherLog(partition: number | undefined, offset: number): void {
    for (const [each, { wanted }] of this.#replays)
      if (partition === undefined || partition === each)
        for (const src of wanted) if (src >= offset) wanted.delete(src);
  }

  /** A record reached a cache topic. */
  noteSent(partition: number, { src }: WireRecord): void {
    if (src !== undefined) this.#replays.get(partition)?.wanted.delete(src);
  }

  #notePassed(partition: number, offset: number, { id, wanted }: Replay): void {
    const start = this.#options.logs()[partition]?.start ?? 0;
    const passed = [...wanted].filter((src) => src < offset);
    for (const src of passed) wanted.delete(src);
    const leftOut = passed.filter((src) => src >= start);
    if (leftOut.length > 0)
      this.problems.push(`rewind ${id} of partition ${partition} leaves out ${leftOut.join(', ')}`);
  }

  #wanted(partition: number, from: number, to: number, keys: KeyRange | undefined): Set<number> {
    const log = this.#options.logs()[partition];
    const records = log?.read(from, Math.max(0, to - from)) ?? [];
    const first = Math.max(from, log?.start ?? 0);
    return new Set(records.flatMap((record, index) => (isReplayed(record, keys) ? [first + index] : [])));
  }
}

function isReplayed(record: WireRecord, keys: KeyRange | undefined): boolean {
  const decoded = decodeRecord(record);
  if (decoded.type !== 'event' || decoded.event.lane === 'fast') return false;
  return keys === undefined || (decoded.event.key >= keys.from && decoded.event.key < keys.to);
}
