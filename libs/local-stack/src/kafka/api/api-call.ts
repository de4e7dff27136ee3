import { type BrokerState } from '../broker-state.js';
import { errorCodes, type KafkaErrorName } from '../error-codes.js';
import { type WireReader } from '../wire-reader.js';
import { type WireWriter } from '../wire-writer.js';

/** One request on its way through the broker. */
export interface ApiCall {
  /** Stands after the request's header. */
  readonly reader: WireReader;
  /** Stands after the answer's header. */
  readonly writer: WireWriter;
  readonly version: number;
  readonly broker: BrokerState;
  readonly clientId: string;
  readonly clientHost: string;
  /** An error to answer in place of carrying the request out. */
  readonly injectedError: KafkaErrorName | undefined;
  /** Aborted when the client hangs up or the broker stops. */
  readonly signal: AbortSignal;
}

/** What follows: the answer is sent, or none is due, or the client must notice that something is wrong without an answer. */
export type ApiOutcome = 'answer' | 'silence' | 'hang-up';

/**
 * Reads one kind of request, carries it out and writes the answer. Throws `MalformedRequest` when it cannot be read; whatever it throws, the
 * connection is closed.
 */
export type ApiHandler = (call: ApiCall) => ApiOutcome | Promise<ApiOutcome>;

export function codeOf(error: KafkaErrorName | undefined): number {
  return errorCodes[error ?? 'NONE'];
}

/** The topics of a request that names partitions, each with what `read` takes for one. */
export function readTopics<T>(
  reader: WireReader,
  read: (reader: WireReader) => T,
): { readonly name: string; readonly partitions: readonly T[] }[] {
  return reader.array(() => ({ name: reader.string(), partitions: reader.array(() => read(reader)) }));
}
