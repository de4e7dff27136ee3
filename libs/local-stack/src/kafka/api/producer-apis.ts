import { type ApiHandler, type ApiOutcome, codeOf } from './api-call.js';

/** An id for an idempotent producer; transactions are refused. */
export const initProducerId: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  const isTransactional = reader.nullableString() !== null;
  reader.int32();
  const error = injectedError ?? (isTransactional ? 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' : undefined);
  const isGranted = error === undefined;
  writer.int32(0).int16(codeOf(error));
  writer.int64(isGranted ? broker.producerIds.take() : -1n).int16(isGranted ? 0 : -1);
  return 'answer';
};
