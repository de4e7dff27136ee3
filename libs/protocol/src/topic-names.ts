/** Every topic of one region's pipeline, from its prefix. */
export interface TopicNames {
  readonly prefix: string;
  /** Events of one table as sync writes them. */
  cdc(table: string): string;
  /** The default cache topic of one table. */
  cache(table: string): string;
  readonly routes: string;
  /** What was changed in routes, by whom. */
  readonly routeHistory: string;
  readonly pods: string;
  readonly deadLetters: string;
  /** Consumer group of one pod; `id` is random for every start. */
  podGroup(service: string, id: string): string;
  readonly dispatcherGroup: string;
  /** The group whose owner of the routing topic writes it. */
  readonly adminGroup: string;
}

export function topicNames(prefix = 'tidemark'): TopicNames {
  return {
    prefix,
    cdc: (table) => `${prefix}.cdc.${table}`,
    cache: (table) => `${prefix}.cache.${table}`,
    routes: `${prefix}.routes`,
    routeHistory: `${prefix}.route-history`,
    pods: `${prefix}.pods`,
    deadLetters: `${prefix}.dead-letters`,
    podGroup: (service, id) => `${prefix}.pod.${service}.${id}`,
    dispatcherGroup: `${prefix}.dispatcher`,
    adminGroup: `${prefix}.admin`,
  };
}

/** The table of a table topic, or `undefined` when the topic is none. */
export function tableOfCdcTopic(names: TopicNames, topic: string): string | undefined {
  const prefix = names.cdc('');
  return topic.startsWith(prefix) && topic.length > prefix.length ? topic.slice(prefix.length) : undefined;
}

/** Why `topic` is not a legal Kafka topic name, or `undefined` when it is. */
export function topicProblem(topic: unknown): string | undefined {
  if (typeof topic !== 'string' || topic === '') return 'expected a non-empty string';
  if (topic === '.' || topic === '..' || !/^[a-zA-Z0-9._-]+$/.test(topic))
    return 'expected letters, digits, dots, underscores and hyphens';
  return topic.length > 249 ? `expected at most 249 characters, got ${topic.length}` : undefined;
}

/** Why `table` is not a legal DynamoDB table name, or `undefined` when it is. */
export function tableProblem(table: unknown): string | undefined {
  if (typeof table !== 'string' || table === '') return 'expected a non-empty string';
  return /^[a-zA-Z0-9_.-]{3,200}$/.test(table)
    ? undefined
    : 'expected 3 to 200 letters, digits, dots, underscores and hyphens';
}
