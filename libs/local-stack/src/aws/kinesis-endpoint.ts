import { type Clock, type Logger } from '@tidemark/runtime';
import { type RequestFaults } from './request-faults.js';
import { type StreamRecord } from './stream-publisher.js';

/** The Kinesis of one region. The embedded one is `KinesaliteEndpoint`; another emulator fits in behind this. */
export interface KinesisEndpoint {
  /** `http://127.0.0.1:port`; HTTP/1.1. Valid once started. */
  readonly url: string;
  start(): Promise<void>;
  /** Resolves once the stream is active. */
  createStream(streamName: string, shardCount: number): Promise<void>;
  hasStream(streamName: string): Promise<boolean>;
  /** Writes captured changes; resolves to whether each was accepted, and rejects when none was. */
  putRecords(streamName: string, records: readonly StreamRecord[]): Promise<readonly boolean[]>;
  stop(): Promise<void>;
}

export interface KinesisEndpointContext {
  readonly region: string;
  readonly accountId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** To be asked about every request of a client; those of `putRecords` are asked about by the caller. */
  readonly faults: RequestFaults;
  /** How long `stop` may wait for requests being served, ms. */
  readonly stopTimeoutMs: number;
}

export type KinesisEndpointFactory = (context: KinesisEndpointContext) => KinesisEndpoint;
