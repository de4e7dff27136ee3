import { type Api, nodeId } from './api.js';
import { errorCodes } from './error-codes.js';

export const findCoordinatorApi: Api = {
  version: 2,
  handle: ({ writer, state, injectedError }) => {
    writer.int32(0).int16(injectedError).string(null);
    writer
      .int32(injectedError === 0 ? nodeId : -1)
      .string(injectedError === 0 ? '127.0.0.1' : '')
      .int32(injectedError === 0 ? state.port : -1);
  },
};

export const joinGroupApi: Api = {
  version: 5,
  handle: async ({ reader, writer, state, clientId, injectedError }) => {
    const groupId = reader.string();
    const sessionTimeoutMs = reader.int32();
    const rebalanceTimeoutMs = reader.int32();
    const memberId = reader.string();
    reader.nullableString();
    const protocolType = reader.string();
    const protocols = reader.array((r) => ({ name: r.string(), metadata: Buffer.from(r.bytes()) }));
    const answer =
      injectedError === 0
        ? await state
            .group(groupId)
            .join({ memberId, clientId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType, protocols })
        : { error: injectedError, generation: -1, protocol: '', leader: '', memberId, members: [] };
    writer
      .int32(0)
      .int16(answer.error)
      .int32(answer.generation)
      .string(answer.protocol)
      .string(answer.leader)
      .string(answer.memberId);
    writer.array(answer.members, (w, member) => w.string(member.memberId).string(null).bytes(member.metadata));
  },
};

export const syncGroupApi: Api = {
  version: 3,
  handle: async ({ reader, writer, state, injectedError }) => {
    const groupId = reader.string();
    const generation = reader.int32();
    const memberId = reader.string();
    reader.nullableString();
    const assignments = reader.array((r) => ({ memberId: r.string(), assignment: r.bytes() }));
    const answer =
      injectedError === 0
        ? await state.group(groupId).sync(memberId, generation, assignments)
        : { error: injectedError, assignment: Buffer.alloc(0) };
    writer.int32(0).int16(answer.error).bytes(answer.assignment);
  },
};

export const heartbeatApi: Api = {
  version: 3,
  handle: ({ reader, writer, state, injectedError }) => {
    const groupId = reader.string();
    const generation = reader.int32();
    const memberId = reader.string();
    writer.int32(0).int16(injectedError === 0 ? state.group(groupId).heartbeat(memberId, generation) : injectedError);
  },
};

export const leaveGroupApi: Api = {
  version: 3,
  handle: ({ reader, writer, state }) => {
    const group = state.group(reader.string());
    const members = reader.array((r) => ({ memberId: r.string(), instance: r.nullableString() }));
    writer.int32(0).int16(0);
    writer.array(members, (w, { memberId, instance }) =>
      w.string(memberId).string(instance).int16(group.leave(memberId)),
    );
  },
};

export const offsetCommitApi: Api = {
  version: 5,
  handle: ({ reader, writer, state, injectedError }) => {
    const groupId = reader.string();
    const generation = reader.int32();
    const memberId = reader.string();
    const topics = reader.array((r) => ({
      name: r.string(),
      partitions: r.array((p) => ({ partition: p.int32(), offset: p.int64(), metadata: p.nullableString() })),
    }));
    const refused = injectedError === 0 ? state.group(groupId).mayCommit(memberId, generation) : injectedError;
    writer.int32(0);
    writer.array(topics, (w, { name, partitions }) =>
      w.string(name).array(partitions, (v, { partition, offset, metadata }) => {
        const error =
          refused !== 0
            ? refused
            : state.topics.partition(name, partition) === undefined
              ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
              : errorCodes.NONE;
        if (error === errorCodes.NONE) state.commit(groupId, name, partition, { offset, metadata });
        v.int32(partition).int16(error);
      }),
    );
  },
};

export const offsetFetchApi: Api = {
  version: 4,
  handle: ({ reader, writer, state }) => {
    const committed = state.offsets.get(reader.string());
    const wanted = reader.nullableArray((r) => ({ name: r.string(), partitions: r.array((p) => p.int32()) }));
    const topics = wanted ?? topicsOf(committed?.keys() ?? []);
    writer.int32(0);
    writer.array(topics, (w, { name, partitions }) =>
      w.string(name).array(partitions, (v, partition) => {
        const found = committed?.get(`${name}/${partition}`);
        v.int32(partition)
          .int64(found?.offset ?? -1n)
          .string(found?.metadata ?? '')
          .int16(0);
      }),
    );
    writer.int16(0);
  },
};

function topicsOf(ids: Iterable<string>): { name: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const id of ids) {
    const slash = id.lastIndexOf('/');
    const name = id.slice(0, slash);
    topics.set(name, [...(topics.get(name) ?? []), Number(id.slice(slash + 1))]);
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

export const listGroupsApi: Api = {
  version: 2,
  handle: ({ writer, state }) => {
    const ids = new Set([...state.groups.keys(), ...state.offsets.keys()]);
    writer.int32(0).int16(0);
    writer.array(ids, (w, id) => w.string(id).string(state.groups.get(id)?.protocolType ?? ''));
  },
};

export const describeGroupsApi: Api = {
  version: 2,
  handle: ({ reader, writer, state }) => {
    const ids = reader.array((r) => r.string());
    writer.int32(0);
    writer.array(ids, (w, id) => {
      const group = state.groups.get(id);
      const known = group !== undefined || state.offsets.has(id);
      w.int16(0)
        .string(id)
        .string(group?.state ?? (known ? 'Empty' : 'Dead'))
        .string(group?.protocolType ?? '')
        .string(group?.protocol ?? '');
      w.array(group?.members ?? [], (v, member) =>
        v
          .string(member.memberId)
          .string(member.clientId)
          .string('/127.0.0.1')
          .bytes(member.metadata)
          .bytes(member.assignment),
      );
    });
  },
};

export const deleteGroupsApi: Api = {
  version: 1,
  handle: ({ reader, writer, state }) => {
    const ids = reader.array((r) => r.string());
    writer.int32(0);
    writer.array(ids, (w, id) => {
      const group = state.groups.get(id);
      const known = group !== undefined || state.offsets.has(id);
      const error = !known
        ? errorCodes.GROUP_ID_NOT_FOUND
        : group !== undefined && group.state !== 'Empty'
          ? errorCodes.NON_EMPTY_GROUP
          : errorCodes.NONE;
      if (error === errorCodes.NONE) state.deleteGroup(id);
      w.string(id).int16(error);
    });
  },
};
