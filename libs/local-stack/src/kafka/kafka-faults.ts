import { errorCodes, type KafkaErrorName } from './error-codes.js';

/** The requests that faults can be aimed at, by Kafka's name. */
export const apiKeys = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  LeaveGroup: 13,
  SyncGroup: 14,
  DescribeGroups: 15,
  ListGroups: 16,
  ApiVersions: 18,
  CreateTopics: 19,
  DeleteTopics: 20,
  DeleteRecords: 21,
  InitProducerId: 22,
  DescribeConfigs: 32,
  AlterConfigs: 33,
  CreatePartitions: 37,
  DeleteGroups: 42,
} as const;

export type ApiName = keyof typeof apiKeys;

interface Armed {
  readonly api: number;
  left: number;
  readonly delayMs?: number;
  readonly drop?: boolean;
  readonly error?: number;
}

/** What a request meets. */
export interface Fate {
  readonly delayMs: number;
  readonly drop: boolean;
  /** Answered for every topic, partition or member of the request; 0 = none. */
  readonly error: number;
}

/** Faults of one broker; each is armed for the next `times` requests of a kind. */
export class KafkaFaults {
  #armed: Armed[] = [];

  /** Holds each request for `delayMs` before it is looked at. */
  delay(api: ApiName, delayMs: number, times = 1): void {
    this.#armed.push({ api: apiKeys[api], left: times, delayMs });
  }

  /** Closes the connection instead of answering. */
  dropConnection(api: ApiName, times = 1): void {
    this.#armed.push({ api: apiKeys[api], left: times, drop: true });
  }

  /** Answers with an error; works for Produce, Fetch, ListOffsets, Heartbeat, JoinGroup, SyncGroup, OffsetCommit, FindCoordinator. */
  answerError(api: ApiName, error: KafkaErrorName, times = 1): void {
    this.#armed.push({ api: apiKeys[api], left: times, error: errorCodes[error] });
  }

  /** What a broker that lost its leadership answers, to producers and consumers alike. */
  changeLeader(times = 1): void {
    this.answerError('Produce', 'NOT_LEADER_FOR_PARTITION', times);
    this.answerError('Fetch', 'NOT_LEADER_FOR_PARTITION', times);
  }

  clear(): void {
    this.#armed = [];
  }

  /** Takes one shot of each fault that is armed for this kind of request. */
  next(api: number): Fate {
    let fate: Fate = { delayMs: 0, drop: false, error: 0 };
    for (const armed of this.#armed) {
      if (armed.api !== api || armed.left <= 0) continue;
      armed.left -= 1;
      fate = {
        delayMs: Math.max(fate.delayMs, armed.delayMs ?? 0),
        drop: fate.drop || armed.drop === true,
        error: armed.error ?? fate.error,
      };
    }
    this.#armed = this.#armed.filter(({ left }) => left > 0);
    return fate;
  }
}
