import { apiNames, apiTable, isFlexible, versionMin } from '../api-table.js';
import { type BrokerState, nodeId } from '../broker-state.js';
import { type KafkaErrorName } from '../error-codes.js';
import { isLegalTopicName, type Topic } from '../topics.js';
import { type WireWriter } from '../wire-writer.js';
import { type ApiCall, type ApiHandler, type ApiOutcome, codeOf } from './api-call.js';

/** What is spoken. A version of this request that is not known gets the same list with an error, in the oldest format. */
export const apiVersions: ApiHandler = ({ writer, version, injectedError }): ApiOutcome => {
  const isKnown = version >= 0 && version <= apiTable.ApiVersions.version;
  writer.int16(codeOf(isKnown ? injectedError : 'UNSUPPORTED_VERSION'));
  writer.array(apiNames, (name) =>
    writer.int16(apiTable[name].key).int16(versionMin(name)).int16(apiTable[name].version),
  );
  if (isKnown && version >= 1) writer.int32(0);
  return 'answer';
};

/** The one broker there is, and the topics asked for; they are made on the way where the broker is told to. */
export const metadata: ApiHandler = (call: ApiCall): ApiOutcome => {
  const { reader, writer, broker, injectedError } = call;
  if (isFlexible('Metadata', call.version)) return identifyingMetadata(call);
  const names = reader.nullableArray(() => reader.string()) ?? broker.topics.all().map(({ name }) => name);
  const mayCreate = reader.boolean() && broker.autoCreateTopics;
  writer.int32(0);
  writer.array([nodeId], (id) => writer.int32(id).string(broker.host).int32(broker.port).string(null));
  writer.string('embedded').int32(nodeId);
  writer.array(names, (name) => {
    const found = injectedError === undefined ? findOrCreate(broker, name, mayCreate) : { error: injectedError };
    writer.int16(codeOf(found.error)).string(name).boolean(false);
    writePartitions(writer, found.topic);
  });
  return 'answer';
};

/** The same with ids and epochs. */
function identifyingMetadata({ reader, writer, broker, injectedError }: ApiCall): ApiOutcome {
  const asked = reader.compactArray(() => {
    reader.uuid();
    const name = reader.compactString() ?? '';
    reader.tags();
    return name;
  });
  const mayCreate = reader.boolean() && broker.autoCreateTopics;
  const asksForOperations = reader.boolean();
  writer.int32(0);
  writer.compactArray([nodeId], (id) => {
    writer.int32(id).compactString(broker.host).int32(broker.port).compactString(null).noTags();
  });
  writer.compactString('embedded').int32(nodeId);
  writer.compactArray(asked ?? broker.topics.all().map(({ name }) => name), (name) => {
    const found = injectedError === undefined ? findOrCreate(broker, name, mayCreate) : { error: injectedError };
    writer.int16(codeOf(found.error)).compactString(name);
    writer.uuid(found.topic?.uuid ?? noUuid).boolean(false);
    writeIdentifiedPartitions(writer, found.topic);
    writer.int32(asksForOperations && found.topic !== undefined ? operationsOf(found.topic) : noOperations).noTags();
  });
  writer.noTags();
  return 'answer';
}

const noUuid = '0'.repeat(32);
/** Kafka's own word for operations that were not asked for. */
const noOperations = -2_147_483_648;
/** A bit for each operation that there is on topics, and that of writing among them. */
const [allOperations, write] = [0xdf8, 1 << 4];

/** This broker knows no permissions but what a fault takes away. */
function operationsOf({ partitions }: Topic): number {
  return partitions.some(({ isForbidden }) => isForbidden) ? allOperations & ~write : allOperations;
}

function writeIdentifiedPartitions(writer: WireWriter, topic: Topic | undefined): void {
  const writeNodes = (nodes: readonly number[]): WireWriter => writer.compactArray(nodes, (id) => writer.int32(id));
  writer.compactArray([...(topic?.partitions.entries() ?? [])], ([index, { hasLeader, leaderEpoch }]) => {
    writer.int16(codeOf(hasLeader ? 'NONE' : 'LEADER_NOT_AVAILABLE')).int32(index);
    writer.int32(hasLeader ? nodeId : -1).int32(leaderEpoch);
    writeNodes([nodeId]);
    writeNodes([nodeId]);
    writeNodes([]);
    writer.noTags();
  });
}

function writePartitions(writer: WireWriter, topic: Topic | undefined): void {
  const writeNodes = (): WireWriter => writer.array([nodeId], (id) => writer.int32(id));
  writer.array([...(topic?.partitions.entries() ?? [])], ([index, { hasLeader }]) => {
    writer.int16(codeOf(hasLeader ? 'NONE' : 'LEADER_NOT_AVAILABLE'));
    writer.int32(index).int32(hasLeader ? nodeId : -1);
    writeNodes();
    writeNodes();
    writer.array([], () => undefined);
  });
}

interface FoundTopic {
  readonly topic?: Topic | undefined;
  readonly error?: KafkaErrorName | undefined;
}

function findOrCreate({ topics }: BrokerState, name: string, mayCreate: boolean): FoundTopic {
  if (!isLegalTopicName(name)) return { error: 'INVALID_TOPIC_EXCEPTION' };
  const topic = topics.get(name);
  if (topic !== undefined) return { topic };
  if (!mayCreate) return { error: 'UNKNOWN_TOPIC_OR_PARTITION' };
  const refusal = topics.create({ name, partitions: -1, replicationFactor: -1, configs: new Map() });
  return { topic: topics.get(name), error: refusal?.error };
}

/** This broker coordinates every group; there are no transactions. */
export const findCoordinator: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  reader.string();
  const isGroup = reader.int8() === 0;
  const refusal: KafkaErrorName | undefined = isGroup ? undefined : 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED';
  const absence: KafkaErrorName | undefined = broker.groups.isAvailable ? undefined : 'COORDINATOR_NOT_AVAILABLE';
  const error = injectedError ?? refusal ?? absence;
  writer.int32(0).int16(codeOf(error)).string(null);
  if (error === undefined) writer.int32(nodeId).string(broker.host).int32(broker.port);
  else writer.int32(-1).string('').int32(-1);
  return 'answer';
};
