import { type Route, type RouteHistoryEntry } from '@tidemark/protocol';

/** The routing topic as its single writer uses it. */
export interface RouteLog {
  /** Why no record would come at present, where it can tell; `undefined`: the brokers answer, or it is not open. */
  readonly problem?: string | undefined;
  /** Reads to the end, then follows: every readable record in order. What cannot be read goes to `onUnreadable`, never to `onRoute`. */
  open(handler: RouteLogHandler): Promise<void>;
  /** Resolves once everything written before the call has been handed over. */
  barrier(signal: AbortSignal): Promise<void>;
  /** Appends one record; resolves when it is acknowledged. Fails with `PUBLISH_FAILED`. */
  append(route: Route, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface RouteLogHandler {
  onRoute(route: Route): void;
  onUnreadable(reason: string, unsupported: boolean): void;
  /** The log was made anew, or has lost its end: what it holds now is handed over again, from its first record on. */
  onReset?(): void;
}

/** What the control plane must know of topics and may do to them. */
export interface TopicAdmin {
  /** Partition count, or `undefined` when there is no such topic. */
  partitionsOf(topic: string, signal: AbortSignal): Promise<number | undefined>;
  /** Creates the topic; one that exists already with the same count is fine. */
  create(topic: string, partitions: number, signal: AbortSignal): Promise<void>;
}

/** Which one of several processes writes the routing table. It only keeps them out of each other's way: what makes two of them safe is the epoch. */
export interface WriterElection {
  /** Whether it is this process, as far as it knows at this moment. */
  readonly elected: boolean;
  /** Whether it has been known once who it is. */
  readonly decided: boolean;
  /** Who it is, where it is another one and known. */
  readonly leader: string | undefined;
  /** Why it cannot be known at present; `undefined`: the brokers answer, or it has not been started. */
  readonly problem?: string | undefined;
  /** Takes part from now on; `onChange`: `elected` has changed. Called once. */
  start(onChange: () => void): void;
  /** Lets another one take over at once. */
  close(): Promise<void>;
}

/** What was changed in routes, kept apart from the routing topic, whose compaction forgets it. */
export interface RouteHistoryLog {
  /** Appends one entry; resolves when it is acknowledged. Fails with `PUBLISH_FAILED`, `ABORTED`. */
  append(entry: RouteHistoryEntry, signal: AbortSignal): Promise<void>;
  /** What is still kept of a table, newest first, `max` at most. Fails with `FEED_UNAVAILABLE`, `TIMEOUT`, `ABORTED`. */
  read(table: string, max: number, signal: AbortSignal): Promise<readonly RouteHistoryEntry[]>;
  close(): Promise<void>;
}
