import { type FetchPlace, type RefusedPlace } from './fetch-places.js';

/** Where the log parts from what was asked for: the last epoch that both have, and its end. */
export interface Diverging {
  readonly epoch: number;
  readonly end: bigint;
}

/** What was asked of one partition. */
export interface AskedPlace {
  /** Decimal. */
  readonly fetchOffset: string | number;
  readonly place?: FetchPlace;
}

/** Of a broker's answer for a partition. */
export const offsetOutOfRange = 1;
export const unknownTopicId = 100;
const noEpoch = -1;
const inconsistentTopicId = 103;
const topicDenied = 29;
/** What a leader cannot read of its disk. */
const [corruptMessage, storageFailed, unnamed] = [2, 56, -1] as const;
/**
 * Of one topic alone, which is looked up before anything of it is believed. kafkajs would give up the answer as a whole, and with it all that was fetched
 * beside, for as long as that lasts.
 */
const ofTopicAlone: ReadonlySet<number> = new Set([
  ...[unknownTopicId, inconsistentTopicId, topicDenied],
  ...[corruptMessage, storageFailed, unnamed],
]);

/**
 * Of a place: the epoch to ask with, where its own is none of the log's. A leader in whose time nothing was written leaves no trace of its epoch, and where
 * only that is known of a position, the next leader says that the log parts from it, at an end that may lie behind the position: nothing was cut.
 */
const provenEpochs = new WeakMap<FetchPlace, number>();

/** The epoch to ask with; -1: none. */
export function epochOf(place: FetchPlace | undefined): number {
  return (place === undefined ? undefined : (provenEpochs.get(place) ?? place.leaderEpoch)) ?? noEpoch;
}

/** Why a broker has handed over nothing of what was asked for; `undefined`: for no such reason. */
export function whyRefused(
  errorCode: number,
  diverging: Diverging | undefined,
  asked: AskedPlace | undefined,
): RefusedPlace['why'] | undefined {
  if (ofTopicAlone.has(errorCode)) return 'not-given';
  if (diverging === undefined) return undefined;
  if (asked?.place === undefined || diverging.end < BigInt(asked.fetchOffset)) return 'cut';
  provenEpochs.set(asked.place, diverging.epoch);
  return undefined;
}

/**
 * A broker that has not heard of the epoch says that the offset is out of range: a follower hears of one with its first record, and one that has just lost a
 * partition does not hear of it at all. It is asked once more, without the epoch, before that is believed.
 */
export function mayBeOfEpoch(errorCode: number, asked: AskedPlace | undefined): boolean {
  if (errorCode !== offsetOutOfRange || asked?.place === undefined || epochOf(asked.place) < 0) return false;
  provenEpochs.set(asked.place, noEpoch);
  return true;
}

/** Records have come: if they are of the epoch that was left out, the broker has heard of it, and without it the next leader's cut would not be seen. */
export function believeAgain({ place }: Partial<AskedPlace> = {}): void {
  if (place !== undefined && provenEpochs.get(place) === noEpoch) provenEpochs.delete(place);
}
