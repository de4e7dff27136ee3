import { type BrokerState } from './broker-state.js';
import { type WireReader } from './wire-reader.js';
import { type WireWriter } from './wire-writer.js';

/** One request on its way through the broker. */
export interface ApiCall {
  readonly reader: WireReader;
  readonly writer: WireWriter;
  readonly state: BrokerState;
  readonly clientId: string;
  /** A fault's error, answered for every topic, partition or member; 0 = none. */
  readonly injectedError: number;
  /** Aborted when the client hangs up or the broker stops. */
  readonly gone: AbortSignal;
}

/** Answers a request into its writer; `'no-answer'` for the one kind that has none. */
export type ApiHandler = (call: ApiCall) => void | 'no-answer' | Promise<void>;

export interface Api {
  /** The only version spoken: the highest that kafkajs 2.2 knows. */
  readonly version: number;
  readonly handle: ApiHandler;
}

/** This broker's id: it is alone. */
export const nodeId = 1;
