/** Which log a committed offset lies in: what stands beside the offset, behind the note of a rewind. */
export interface LogNote {
  /** Kafka's id of the topic, 32 hexadecimal digits: a topic made anew has another. */
  readonly topicId: string;
  /** Epoch of a leader in whose time the log reached the offset; `undefined`: not known. */
  readonly leaderEpoch: number | undefined;
}

/** A note as it stands there: `topic=0123456789abcdef0123456789abcdef;leader=3`. */
export function encodeLogNote({ topicId, leaderEpoch }: LogNote): string {
  return `topic=${topicId}${leaderEpoch === undefined ? '' : `;leader=${leaderEpoch}`}`;
}

/** Reads what stands beside a committed offset, which anybody may have written; `undefined`: no note. Ignores whatever else stands there. */
export function decodeLogNote(text: string | null | undefined): LogNote | undefined {
  const topicId = /(?:^|;)topic=([0-9a-f]{32})(?:;|$)/.exec(text ?? '')?.[1];
  const epoch = /(?:^|;)leader=(\d{1,10})(?:;|$)/.exec(text ?? '')?.[1];
  if (topicId === undefined) return undefined;
  return { topicId, leaderEpoch: epoch === undefined || Number(epoch) > epochMax ? undefined : Number(epoch) };
}

/** Kafka counts in 32 bits. */
const epochMax = 2_147_483_647;
