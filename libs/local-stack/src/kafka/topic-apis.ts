import { type Api, nodeId } from './api.js';
import { type BrokerState } from './broker-state.js';
import { errorCodes } from './error-codes.js';
import { type Topic } from './topic-store.js';

const topicName = /^[a-zA-Z0-9._-]{1,249}$/;

export const metadataApi: Api = {
  version: 6,
  handle: ({ reader, writer, state }) => {
    const wanted = reader.nullableArray((r) => r.string());
    const mayCreate = reader.boolean() && state.settings.autoCreateTopics;
    const names = wanted ?? state.topics.names;
    writer.int32(0);
    writer.array([nodeId], (w, id) => w.int32(id).string('127.0.0.1').int32(state.port).string(null));
    writer.string('embedded').int32(nodeId);
    writer.array(names, (w, name) => {
      const topic =
        state.topics.get(name) ??
        (mayCreate && topicName.test(name)
          ? state.createTopic(name, state.settings.defaultPartitions, new Map())
          : undefined);
      w.int16(topic === undefined ? missing(name) : 0)
        .string(name)
        .boolean(false);
      w.array(topic?.partitions.keys() ?? [], (v, index) => {
        v.int16(0).int32(index).int32(nodeId);
        v.array([nodeId], (u, id) => u.int32(id))
          .array([nodeId], (u, id) => u.int32(id))
          .array([], () => undefined);
      });
    });
  },
};

function missing(name: string): number {
  return topicName.test(name) ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : errorCodes.INVALID_TOPIC_EXCEPTION;
}

export const listOffsetsApi: Api = {
  version: 3,
  handle: ({ reader, writer, state, injectedError }) => {
    reader.int32();
    reader.int8();
    const topics = reader.array((r) => ({
      name: r.string(),
      partitions: r.array((p) => ({ partition: p.int32(), at: p.int64() })),
    }));
    writer.int32(0);
    writer.array(topics, (w, { name, partitions }) =>
      w.string(name).array(partitions, (v, { partition, at }) => {
        const log = state.topics.partition(name, partition);
        const error = log === undefined ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : injectedError;
        const offset =
          log === undefined || error !== 0 ? -1n : at === -1n ? log.end : at === -2n ? log.start : log.offsetAt(at);
        v.int32(partition).int16(error).int64(-1n).int64(offset);
      }),
    );
  },
};

interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly configs: ReadonlyMap<string, string>;
}

export const createTopicsApi: Api = {
  version: 3,
  handle: ({ reader, writer, state }) => {
    const topics = reader.array<NewTopic>((r) => {
      const name = r.string();
      const partitions = r.int32();
      const replicas = r.int16();
      r.array((a) => [a.int32(), a.array((b) => b.int32())]);
      const configs = new Map(r.array((c) => [c.string(), c.nullableString() ?? ''] as const));
      return { name, partitions, replicas, configs };
    });
    reader.int32();
    const validateOnly = reader.boolean();
    writer.int32(0);
    writer.array(topics, (w, topic) => {
      const error = problemOf(state, topic);
      if (error === errorCodes.NONE && !validateOnly)
        state.createTopic(
          topic.name,
          topic.partitions > 0 ? topic.partitions : state.settings.defaultPartitions,
          topic.configs,
        );
      w.string(topic.name).int16(error).string(null);
    });
  },
};

function problemOf(state: BrokerState, { name, partitions, replicas }: NewTopic): number {
  if (!topicName.test(name) || name === '.' || name === '..') return errorCodes.INVALID_TOPIC_EXCEPTION;
  if (state.topics.get(name) !== undefined) return errorCodes.TOPIC_ALREADY_EXISTS;
  if (partitions === 0 || partitions < -1 || partitions > 10_000) return errorCodes.INVALID_PARTITIONS;
  return replicas === -1 || replicas === 1 ? errorCodes.NONE : errorCodes.INVALID_REPLICATION_FACTOR;
}

export const deleteTopicsApi: Api = {
  version: 1,
  handle: ({ reader, writer, state }) => {
    const names = reader.array((r) => r.string());
    writer.int32(0);
    writer.array(names, (w, name) =>
      w.string(name).int16(state.deleteTopic(name) ? errorCodes.NONE : errorCodes.UNKNOWN_TOPIC_OR_PARTITION),
    );
  },
};

export const deleteRecordsApi: Api = {
  version: 1,
  handle: ({ reader, writer, state }) => {
    const topics = reader.array((r) => ({
      name: r.string(),
      partitions: r.array((p) => ({ partition: p.int32(), before: p.int64() })),
    }));
    writer.int32(0);
    writer.array(topics, (w, { name, partitions }) =>
      w.string(name).array(partitions, (v, { partition, before }) => {
        const log = state.topics.partition(name, partition);
        const offset = before === -1n ? (log?.end ?? -1n) : before;
        const error =
          log === undefined
            ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
            : offset > log.end
              ? errorCodes.OFFSET_OUT_OF_RANGE
              : errorCodes.NONE;
        if (error === errorCodes.NONE) state.truncate(name, partition, offset);
        v.int32(partition)
          .int64(error === errorCodes.NONE ? (log?.start ?? -1n) : -1n)
          .int16(error);
      }),
    );
  },
};

export const createPartitionsApi: Api = {
  version: 1,
  handle: ({ reader, writer, state }) => {
    const topics = reader.array((r) => {
      const name = r.string();
      const count = r.int32();
      r.nullableArray((a) => a.array((b) => b.int32()));
      return { name, count };
    });
    writer.int32(0);
    writer.array(topics, (w, { name, count }) => {
      const topic = state.topics.get(name);
      const error =
        topic === undefined
          ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
          : count <= topic.partitions.length
            ? errorCodes.INVALID_PARTITIONS
            : errorCodes.NONE;
      if (topic !== undefined && error === errorCodes.NONE) state.growTopic(topic, count);
      w.string(name).int16(error).string(null);
    });
  },
};

const topicResource = 2;

export const describeConfigsApi: Api = {
  version: 2,
  handle: ({ reader, writer, state }) => {
    const resources = reader.array((r) => ({
      type: r.int8(),
      name: r.string(),
      wanted: r.nullableArray((c) => c.string()),
    }));
    writer.int32(0);
    writer.array(resources, (w, { type, name, wanted }) => {
      const topic = type === topicResource ? state.topics.get(name) : undefined;
      const found = [...(topic?.configs ?? [])].filter(([config]) => wanted === null || wanted.includes(config));
      w.int16(topic === undefined ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : errorCodes.NONE)
        .string(null)
        .int8(type)
        .string(name);
      w.array(found, (v, [config, value]) =>
        v
          .string(config)
          .string(value)
          .boolean(false)
          .int8(1)
          .boolean(false)
          .array([], () => undefined),
      );
    });
  },
};

/** Replaces the whole set of a topic's configuration, as this version of the request does everywhere. */
export const alterConfigsApi: Api = {
  version: 1,
  handle: ({ reader, writer, state }) => {
    const resources = reader.array((r) => ({
      type: r.int8(),
      name: r.string(),
      configs: r.array((c) => [c.string(), c.nullableString() ?? ''] as const),
    }));
    const validateOnly = reader.boolean();
    writer.int32(0);
    writer.array(resources, (w, { type, name, configs }) => {
      const topic: Topic | undefined = type === topicResource ? state.topics.get(name) : undefined;
      if (topic !== undefined && !validateOnly) state.configureTopic(topic, new Map(configs));
      w.int16(topic === undefined ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : errorCodes.NONE)
        .string(null)
        .int8(type)
        .string(name);
    });
  },
};

export const initProducerIdApi: Api = {
  version: 1,
  handle: ({ writer, state }) => {
    writer.int32(0).int16(0).int64(state.nextProducerId).int16(0);
    state.nextProducerId += 1n;
  },
};
