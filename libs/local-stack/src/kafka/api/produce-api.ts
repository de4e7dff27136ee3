import { type Partition } from '../partition.js';
import { type ApiCall, type ApiHandler, type ApiOutcome, codeOf, readTopics } from './api-call.js';
import { type KafkaErrorName } from '../error-codes.js';

interface Produced {
  readonly partition: number;
  readonly error: KafkaErrorName | undefined;
  readonly baseOffset: bigint;
  readonly appendTimeMs: number;
  readonly logStart: bigint;
}

/** Appends. With `acks` 0 the client hears nothing, and a failure closes its connection. */
export const produce: ApiHandler = ({ reader, writer, broker, injectedError }: ApiCall): ApiOutcome => {
  const transactionalId = reader.nullableString();
  const acks = reader.int16();
  reader.int32();
  const topics = readTopics(reader, () => ({ index: reader.int32(), records: reader.nullableBytes() }));
  const refusal = injectedError ?? refusalOf(transactionalId, acks);
  const results = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ index, records }) =>
      appendTo(broker.topics.partition(name, index), index, records, refusal),
    ),
  }));
  if (acks === 0) {
    const hasFailed = results.some(({ partitions }) => partitions.some(({ error }) => error !== undefined));
    return hasFailed ? 'hang-up' : 'silence';
  }
  writer.array(results, ({ name, partitions }) => {
    writer.string(name).array(partitions, ({ partition, error, baseOffset, appendTimeMs, logStart }) => {
      writer.int32(partition).int16(codeOf(error)).int64(baseOffset).int64(BigInt(appendTimeMs)).int64(logStart);
    });
  });
  writer.int32(0);
  return 'answer';
};

function refusalOf(transactionalId: string | null, acks: number): KafkaErrorName | undefined {
  if (transactionalId !== null) return 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED';
  return acks === 0 || acks === 1 || acks === -1 ? undefined : 'INVALID_REQUIRED_ACKS';
}

function appendTo(
  partition: Partition | undefined,
  index: number,
  records: Buffer | null,
  refusal: KafkaErrorName | undefined,
): Produced {
  const refuse = (error: KafkaErrorName): Produced => {
    return { partition: index, error, baseOffset: -1n, appendTimeMs: -1, logStart: -1n };
  };
  if (refusal !== undefined) return refuse(refusal);
  if (partition === undefined) return refuse('UNKNOWN_TOPIC_OR_PARTITION');
  const outcome = partition.append(records ?? Buffer.alloc(0));
  if (!outcome.appended) return refuse(outcome.error);
  const { baseOffset, appendTimeMs } = outcome;
  return { partition: index, error: undefined, baseOffset, appendTimeMs, logStart: partition.start };
}
