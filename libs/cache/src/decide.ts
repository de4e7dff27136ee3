import { type CdcEvent, isForeign } from '@tidemark/protocol';
import { type Entry } from './entry.js';

/**
 * What an event does to an entry: the ordering rule of docs/coherence.md, and the only place where it stands.
 *
 * The replica's own transition log is the only true order. An event says "from write id A to write id B", so a pod that holds A applies
 * B, a pod that holds B confirms it, and whatever cannot be placed drops the entry: the next get reads the truth. Write ids are compared
 * for equality alone, since a global table may keep the lower of two; stamps are used only across a margin wider than any clock error.
 */
export interface Verdict {
  /** `apply`: the entry becomes the event's image; `confirm`: keep it and take the stamp; `keep`: leave it alone; `drop`: forget it. */
  readonly action: 'apply' | 'confirm' | 'keep' | 'drop';
  readonly rule: Rule;
}

export type Rule = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

export type DecidableEntry = Pick<Entry, 'value' | 'writeId' | 'stampUs' | 'readAt'>;
export type DecidableEvent = Pick<CdcEvent, 'kind' | 'from' | 'to' | 'stampUs'>;

/** Stamps closer than this say nothing about order, µs. */
export const stampMarginUs = 5_000_000;

/**
 * The rule for one event. `known`: this pod has already seen the transition to `event.to`: its own acknowledged put, or a fast-lane event.
 * `ambiguous`: an id of the event may stand for more than one state of the key, known or not, so that it places nothing.
 */
export function decide(
  entry: DecidableEntry | undefined,
  event: DecidableEvent,
  known = false,
  ambiguous = false,
): Verdict {
  if (isForeign(event)) return verdicts.foreign;
  if (ambiguous) return entry === undefined ? verdicts.noEntry : verdicts.unplaceable;
  if (known) return entry !== undefined && isIt(entry, event) ? verdicts.knownEntry : verdicts.known;
  return entry === undefined ? verdicts.noEntry : place(entry, event);
}

/** Where an event stands to what is held, by their ids. */
function place(entry: DecidableEntry, event: DecidableEvent): Verdict {
  if (entry.value === undefined || entry.writeId === null) return verdicts.unplaceable;
  const isOld = isFromBeforeTheRead(entry, event);
  if (event.from === entry.writeId) return isOld ? verdicts.doubt : verdicts.successor;
  if (event.to === entry.writeId) return isOld ? verdicts.sameOnce : verdicts.same;
  return isOld ? verdicts.doubt : decideByStamp(entry.stampUs, event.stampUs);
}

/** Whether the entry is what the event brought, and not the return of its write id. */
function isIt(entry: DecidableEntry, event: DecidableEvent): boolean {
  return entry.writeId === event.to && !isFromBeforeTheRead(entry, event);
}

/**
 * The read that brought the entry would have found what the event did, so what follows on the entry is no earlier: either the write id has come
 * back since, and the event is of its life before; or it is what was read, and only its stamp may be the one of that life.
 */
function isFromBeforeTheRead({ readAt }: DecidableEntry, { stampUs }: DecidableEvent): boolean {
  return stampUs !== null && stampUs < readAt * 1_000 - stampMarginUs;
}

/** Neither holds what the other follows: only time can tell, and only across a margin. */
function decideByStamp(entryUs: number, eventUs: number | null): Verdict {
  if (entryUs === 0 || eventUs === null) return verdicts.doubt;
  if (eventUs > entryUs + stampMarginUs) return verdicts.newer;
  return eventUs < entryUs - stampMarginUs ? verdicts.older : verdicts.doubt;
}

/** Shared objects: a verdict per event must not cost an allocation. */
const verdicts = {
  foreign: { action: 'drop', rule: 1 },
  knownEntry: { action: 'confirm', rule: 2 },
  known: { action: 'keep', rule: 2 },
  noEntry: { action: 'keep', rule: 3 },
  unplaceable: { action: 'drop', rule: 4 },
  successor: { action: 'apply', rule: 5 },
  same: { action: 'confirm', rule: 6 },
  sameOnce: { action: 'keep', rule: 6 },
  newer: { action: 'apply', rule: 7 },
  older: { action: 'keep', rule: 8 },
  doubt: { action: 'drop', rule: 9 },
} as const satisfies Record<string, Verdict>;
