import { type KafkaErrorName } from '../error-codes.js';
import { joinRefusal, syncRefusal } from '../group-member.js';
import { type ApiCall, type ApiHandler, type ApiOutcome, codeOf } from './api-call.js';

/** Why nothing is decided about groups at the moment. */
function absence({ broker, injectedError }: ApiCall): KafkaErrorName | undefined {
  return injectedError ?? (broker.groups.isAvailable ? undefined : 'NOT_COORDINATOR');
}

export const joinGroup: ApiHandler = async (call): Promise<ApiOutcome> => {
  const { reader, writer, broker, clientId, clientHost } = call;
  const groupId = reader.string();
  const sessionTimeoutMs = reader.int32();
  const rebalanceTimeoutMs = reader.int32();
  const memberId = reader.string();
  reader.nullableString();
  const protocolType = reader.string();
  const protocols = reader.array(() => ({ name: reader.string(), metadata: Buffer.from(reader.bytes()) }));
  const request = {
    groupId,
    memberId,
    clientId,
    clientHost,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocolType,
    protocols,
  };
  const error = absence(call);
  const answer = error === undefined ? await broker.groups.join(request) : joinRefusal(error, memberId);
  writer.int32(0).int16(codeOf(answer.error)).int32(answer.generation);
  writer.string(answer.protocol).string(answer.leaderId).string(answer.memberId);
  writer.array(answer.members, (member) => writer.string(member.memberId).string(null).bytes(member.metadata));
  return 'answer';
};

export const syncGroup: ApiHandler = async (call): Promise<ApiOutcome> => {
  const { reader, writer, broker } = call;
  const groupId = reader.string();
  const generation = reader.int32();
  const memberId = reader.string();
  reader.nullableString();
  const assignments = reader.array(() => ({ memberId: reader.string(), assignment: Buffer.from(reader.bytes()) }));
  const error = absence(call);
  const answer =
    error === undefined ? await broker.groups.sync(groupId, memberId, generation, assignments) : syncRefusal(error);
  writer.int32(0).int16(codeOf(answer.error)).bytes(answer.assignment);
  return 'answer';
};

export const heartbeat: ApiHandler = (call): ApiOutcome => {
  const { reader, writer, broker } = call;
  const groupId = reader.string();
  const generation = reader.int32();
  const memberId = reader.string();
  writer.int32(0).int16(codeOf(absence(call) ?? broker.groups.heartbeat(groupId, memberId, generation)));
  return 'answer';
};

export const leaveGroup: ApiHandler = (call): ApiOutcome => {
  const { reader, writer, broker } = call;
  const groupId = reader.string();
  const members = reader.array(() => ({ id: reader.string(), instanceId: reader.nullableString() }));
  const error = absence(call);
  writer.int32(0).int16(codeOf(error));
  writer.array(error === undefined ? members : [], ({ id, instanceId }) =>
    writer
      .string(id)
      .string(instanceId)
      .int16(codeOf(broker.groups.leave(groupId, id))),
  );
  return 'answer';
};

export const describeGroups: ApiHandler = (call): ApiOutcome => {
  const { reader, writer, broker } = call;
  const ids = reader.array(() => reader.string());
  const error = absence(call);
  writer.int32(0);
  writer.array(ids, (id) => {
    const { state, protocolType, protocol, members } = broker.groups.describe(id);
    writer.int16(codeOf(error)).string(id).string(state).string(protocolType).string(protocol);
    writer.array(error === undefined ? members : [], (member) => {
      writer.string(member.memberId).string(member.clientId).string(member.clientHost);
      writer.bytes(member.metadata).bytes(member.assignment);
    });
  });
  return 'answer';
};

export const listGroups: ApiHandler = (call): ApiOutcome => {
  const { writer, broker } = call;
  const error = absence(call);
  writer.int32(0).int16(codeOf(error));
  writer.array(error === undefined ? broker.groups.ids() : [], (id) =>
    writer.string(id).string(broker.groups.get(id)?.protocolType ?? ''),
  );
  return 'answer';
};

export const deleteGroups: ApiHandler = (call): ApiOutcome => {
  const { reader, writer, broker } = call;
  const ids = reader.array(() => reader.string());
  const error = absence(call);
  writer.int32(0);
  writer.array(ids, (id) => writer.string(id).int16(codeOf(error ?? broker.groups.delete(id))));
  return 'answer';
};
