/** Which log a partition is read of, as far as that is known. */
export interface FetchPlace {
  /** 32 hexadecimal digits; `undefined`: the brokers do not tell. */
  readonly topicId: string | undefined;
  /**
   * Epoch of a leader in whose time the log reached what is asked for; `undefined`: not known, and a cut is not noticed until it is. The epoch of
   * the last batch that was read is one, and so is that of the leader at the moment when a position in the log was looked up.
   */
  readonly leaderEpoch: number | undefined;
}

/** What a broker would not hand over, because it would not be what the reader has read on from. */
export interface RefusedPlace {
  readonly topic: string;
  readonly partition: number;
  /** `not-given`: the broker has no topic of that id now, may not give it to this reader, or cannot read it. `cut`: the log has been cut before what is asked for, and may have grown since. */
  readonly why: 'not-given' | 'cut';
}

/** An answer for a partition has brought nothing, though records may be read from behind what was asked for: there are none at that offset. */
export interface NothingAt {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** Where a consumer reads, told for each of its fetches. All synchronous but `idle`; nothing may throw. */
export interface FetchPlaces {
  /** `undefined`: the partition is not to be asked for now. */
  of(topic: string, partition: number): FetchPlace | undefined;
  onRefused(refused: RefusedPlace): void;
  onNothing?(nothing: NothingAt): void;
  /** Records of the partition have come, or the broker has read it and found none: it is handed over again, whatever was refused before. */
  onRecords(topic: string, partition: number): void;
  /** Nothing at all is to be asked for: resolves when it is time to look again. */
  idle(delayMs: number): Promise<void>;
}
