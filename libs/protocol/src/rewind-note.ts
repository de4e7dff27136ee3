/** What stands beside a partition's committed offset once it was rewound. */
export interface RewindNote {
  /** Of the last rewind. */
  readonly id: number;
  /** Records before this offset were handled before it; 0 once all of them are through, for the log may be made anew. */
  readonly until: bigint;
  /** Records that it was to begin with are lost, and nothing has been committed since. */
  readonly lost: boolean;
}

/** Where a rewind begins in a partition: its first record that is not too old. */
export interface RewindStart {
  readonly offset: bigint;
  /** Records before it that are not too old either may have left the log. */
  readonly lost: boolean;
}

/** A partition after a rewind: where it goes on, and what is remembered beside that offset. */
export interface Rewound {
  readonly offset: bigint;
  readonly note: RewindNote;
}

/** Whether a partition has nothing to do for a rewind: it did it, or a later one. */
export function hasDone(note: RewindNote | undefined, id: number): boolean {
  return note !== undefined && note.id >= id;
}

/**
 * A partition that stood at `offset` with `note`, after rewind `id`. It never goes on beyond what was handled once, which is further on than it stands
 * while an earlier rewind is under way: that one is over.
 */
export function rewound(offset: bigint, note: RewindNote | undefined, id: number, start: RewindStart): Rewound {
  const until = note !== undefined && note.until > offset ? note.until : offset;
  const isBehind = start.offset < until;
  return {
    offset: isBehind ? start.offset : until,
    note: { id, until: isBehind ? until : 0n, lost: (isBehind && start.lost) || note?.lost === true },
  };
}

/** The note beside a commit of all before `offset`. */
export function noteAt(note: RewindNote, offset: bigint): RewindNote {
  return offset < note.until ? note : { ...note, until: 0n };
}

/** A note as it stands there: `rewind=5;until=700`, with `;lost` at its end where it is so. */
export function encodeRewindNote({ id, until, lost }: RewindNote): string {
  return `rewind=${id};until=${until}${lost ? ';lost' : ''}`;
}

/** Reads what stands beside a committed offset, which anybody may have written; `undefined`: no note. Ignores what a later release may add. */
export function decodeRewindNote(text: string | null | undefined): RewindNote | undefined {
  const [, id, until, rest] = /^rewind=(\d{1,16});until=(\d{1,19})((?:;[a-z0-9=-]*)*)$/.exec(text ?? '') ?? [];
  if (id === undefined || until === undefined || !Number.isSafeInteger(Number(id))) return undefined;
  return { id: Number(id), until: BigInt(until), lost: rest?.split(';').includes('lost') === true };
}
