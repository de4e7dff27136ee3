import { nodeId } from '../broker-state.js';
import { type KafkaErrorName } from '../error-codes.js';
import { allConfigs } from '../topic-config.js';
import { type Refusal, type Topics } from '../topics.js';
import { type ApiHandler, type ApiOutcome, codeOf } from './api-call.js';

/** Kinds of resources that have a configuration. */
const topicType = 2;
const brokerType = 4;

/** Where a value comes from, as the protocol numbers it. */
const setOnTopic = 1;
const byDefault = 5;

interface Resource {
  readonly type: number;
  readonly name: string;
}

interface DescribedConfig {
  readonly name: string;
  readonly value: string;
  readonly isSet: boolean;
}

export const describeConfigs: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  const resources = reader.array(() => ({
    type: reader.int8(),
    name: reader.string(),
    names: reader.nullableArray(() => reader.string()),
  }));
  reader.boolean();
  writer.int32(0);
  writer.array(resources, ({ type, name, names }) => {
    const configs = configsOf(broker.topics, { type, name });
    const error = injectedError ?? (typeof configs === 'string' ? configs : undefined);
    const shown = typeof configs === 'string' ? [] : configs.filter((each) => names?.includes(each.name) ?? true);
    writer.int16(codeOf(error)).string(null).int8(type).string(name);
    writer.array(error === undefined ? shown : [], (config) => {
      writer
        .string(config.name)
        .string(config.value)
        .boolean(type === brokerType);
      writer
        .int8(config.isSet ? setOnTopic : byDefault)
        .boolean(false)
        .array([], () => undefined);
    });
  });
  return 'answer';
};

/** The broker itself shows what topics get that set nothing. */
function configsOf(topics: Topics, { type, name }: Resource): readonly DescribedConfig[] | KafkaErrorName {
  if (type === brokerType) return name === String(nodeId) ? allConfigs(new Map()) : 'INVALID_REQUEST';
  if (type !== topicType) return 'INVALID_REQUEST';
  const topic = topics.get(name);
  return topic === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : allConfigs(topic.configs);
}

/** Replaces the whole configuration of a topic: what is not named falls back to its default. */
export const alterConfigs: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  const resources = reader.array(() => ({
    type: reader.int8(),
    name: reader.string(),
    configs: new Map(reader.array(() => [reader.string(), reader.nullableString()] as const)),
  }));
  const validateOnly = reader.boolean();
  const alter = ({ type, name, configs }: (typeof resources)[number]): Refusal | undefined => {
    if (injectedError !== undefined) return { error: injectedError, message: 'Injected.' };
    if (type !== topicType) return { error: 'INVALID_REQUEST', message: 'Only topics can be configured.' };
    return broker.topics.configure(name, configs, validateOnly);
  };
  writer.int32(0);
  writer.array(resources, (resource) => {
    const refusal = alter(resource);
    writer.int16(codeOf(refusal?.error)).string(refusal?.message ?? null);
    writer.int8(resource.type).string(resource.name);
  });
  return 'answer';
};
