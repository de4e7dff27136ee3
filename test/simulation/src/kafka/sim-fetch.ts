import {
  type Batch,
  believeAgain,
  type Diverging,
  epochOf,
  type FetchPlace,
  mayBeOfEpoch,
  offsetOutOfRange,
  type RefusedPlace,
  unknownTopicId,
  whyRefused,
} from '@tidemark/kafka/internals';
import { type Link } from '../network/link.js';
import { type SimKafka } from './sim-kafka.js';

/** What a reader asks for. */
export interface AskedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly fetchOffset: number;
  readonly place: FetchPlace;
}

/** What comes of it; a partition of which nothing comes is in no answer. */
export type FetchedPartition = { readonly asked: AskedPartition } & (
  | { readonly type: 'records'; readonly batch: Batch }
  | { readonly type: 'refused'; readonly why: RefusedPlace['why'] }
  /** The log has not got that offset. */
  | { readonly type: 'out of range' }
);

interface Answer {
  readonly asked: AskedPartition;
  readonly errorCode: number;
  readonly diverging?: Diverging;
  readonly batch?: Batch;
}

export interface FetchOptions {
  readonly kafka: SimKafka;
  readonly link: Link;
  /** Of one partition. */
  readonly recordsMax: number;
  readonly timeoutMs: number;
  /** In the trace. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  readonly failed: (reason: string) => Error;
}

/** The brokers answer an empty fetch after this, ms. */
const fetchWaitMs = 1_200;

/** One fetch, judged as the shipped client judges it; the brokers keep it until there is something, or for as long as they let one wait. */
export async function fetchPartitions(
  asked: readonly AskedPartition[],
  { kafka, link, recordsMax, failed, ...call }: FetchOptions,
): Promise<readonly FetchedPartition[]> {
  // The epoch is what the request says, whatever is learnt meanwhile.
  const wanted = asked.map((each) => [each, epochOf(each.place)] as const);
  const look = (): readonly Answer[] | undefined => {
    const answers: Answer[] = [];
    for (const [each, epoch] of wanted) {
      const answer = answerOf(kafka, each, epoch, recordsMax);
      if (answer !== undefined) answers.push(answer);
    }
    return answers.length > 0 ? answers : undefined;
  };
  const topics = new Set(asked.map(({ topic }) => topic));
  const serve = (): Promise<readonly Answer[]> => park(kafka, link, topics, look);
  const answers = await link.call({ ...call, serve, unsent: failed, unanswered: failed });
  return answers.flatMap((each) => judged(each) ?? []);
}

/** Waits at the brokers until there is something, or for as long as they let a fetch wait. */
async function park<T>(
  kafka: SimKafka,
  link: Link,
  topics: ReadonlySet<string>,
  look: () => readonly T[] | undefined,
): Promise<readonly T[]> {
  const { found, giveUp } = kafka.waitFor(topics, look);
  const cancel = link.afterMs(fetchWaitMs, giveUp);
  const answers = (await found) ?? [];
  cancel();
  return answers;
}

/** As a broker that knows ids and epochs of leaders answers; `undefined`: nothing yet. */
function answerOf(kafka: SimKafka, asked: AskedPartition, epoch: number, recordsMax: number): Answer | undefined {
  const { topic, partition, fetchOffset, place } = asked;
  const isByName = place.topicId === undefined;
  if (!kafka.has(topic) || (!isByName && kafka.idOf(topic) !== place.topicId))
    return { asked, errorCode: unknownTopicId };
  const log = kafka.log(topic, partition);
  if (!isByName && epoch >= 0) {
    const known = log.endOfEpoch(epoch);
    if (known === undefined) return { asked, errorCode: offsetOutOfRange };
    if (known.epoch < epoch || known.end < fetchOffset)
      return { asked, errorCode: 0, diverging: { epoch: known.epoch, end: BigInt(known.end) } };
  }
  if (fetchOffset < log.start || fetchOffset > log.end) return { asked, errorCode: offsetOutOfRange };
  const messages = log.messages(fetchOffset, recordsMax);
  if (messages.length === 0) return undefined;
  const last = fetchOffset + messages.length - 1;
  const batch = {
    ...{ topic, partition, messages, highWatermark: String(log.end) },
    ...{ firstOffset: () => String(fetchOffset), lastOffset: () => String(last) },
    rawMessages: [{ batchContext: { partitionLeaderEpoch: log.epochAt(last) } }],
  } as unknown as Batch;
  return { asked, errorCode: 0, batch };
}

function judged({ asked, errorCode, diverging, batch }: Answer): FetchedPartition | undefined {
  const why = whyRefused(errorCode, diverging, asked);
  if (why !== undefined) return { asked, type: 'refused', why };
  if (errorCode === offsetOutOfRange)
    return mayBeOfEpoch(errorCode, asked) ? undefined : { asked, type: 'out of range' };
  if (batch === undefined) return undefined;
  believeAgain(asked);
  return { asked, type: 'records', batch };
}
