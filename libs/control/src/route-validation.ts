import { type KeyRange, type TopicNames, tableOfCdcTopic, tableProblem, topicProblem } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';

import { type TopicFilters } from './route-change.js';

/** What a route must satisfy; each refusal names one. */
export type RouteRule =
  | 'table-name'
  | 'tables-max'
  | 'topics-array'
  | 'topics-min'
  | 'topics-max'
  | 'topic-name'
  | 'topic-duplicate'
  | 'topic-reserved'
  | 'topic-prefix'
  | 'topic-missing'
  | 'limit'
  | 'move-none'
  | 'move-to'
  | 'rewind-to'
  | 'rewind-keys'
  | 'partition-count'
  | 'actor';

/** Why a route is refused: which field breaks which rule. */
export interface RouteProblem {
  /** `table`, `topics`, `topics[2]`, `actor`. */
  readonly field: string;
  readonly rule: RouteRule;
  readonly message: string;
}

export interface RouteLimits {
  readonly names: TopicNames;
  /** Topics outside `<prefix>.cache.` that may be targets: each expression must match the whole name. */
  readonly allowedTopics: readonly RegExp[];
  /** Most topics of one table. */
  readonly topicsMax: number;
}

/** The first rule that a route breaks as far as its names tell; partition counts need the brokers. */
export function routeProblem(
  table: unknown,
  topics: unknown,
  limits: RouteLimits,
  limited: TopicFilters = {},
): RouteProblem | undefined {
  return tableNameProblem(table) ?? topicsProblem(topics, limits, limited);
}

/** Whether a topic may be a target at all. */
export function topicNameProblem(field: string, topic: unknown, limits: RouteLimits): RouteProblem | undefined {
  const problem = targetProblem(topic, limits);
  return problem === undefined ? undefined : { field, ...problem };
}

/** Whether a rewind is to a time, and its keys are a range in which there may be any. */
export function rewindProblem({
  to,
  keys,
}: {
  readonly to: number;
  readonly keys?: KeyRange;
}): RouteProblem | undefined {
  if (!Number.isSafeInteger(to) || to < 0)
    return { field: 'to', rule: 'rewind-to', message: `expected ms since the epoch, got ${to}` };
  if (keys === undefined) return undefined;
  const [from, end] = [Buffer.from(keys.from), Buffer.from(keys.to)];
  for (const [field, key] of Object.entries({ 'keys.from': from, 'keys.to': end }))
    if (key.byteLength > keyBytesMax)
      return { field, rule: 'rewind-keys', message: `expected at most ${keyBytesMax} bytes, got ${key.byteLength}` };
  if (from.compare(end) < 0) return undefined;
  return {
    field: 'keys',
    rule: 'rewind-keys',
    message: 'expected a range: from before to, in the order of their bytes',
  };
}

/** What DynamoDB takes as a partition key, and one byte more for an end that lies behind it. */
const keyBytesMax = 2_049;

export function tableNameProblem(table: unknown): RouteProblem | undefined {
  const problem = tableProblem(table);
  return problem === undefined ? undefined : { field: 'table', rule: 'table-name', message: problem };
}

/** `changedBy` is read by people in logs and pages: short, printable, no line breaks. */
export function actorProblem(actor: unknown): RouteProblem | undefined {
  if (typeof actor === 'string' && /^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/.test(actor)) return undefined;
  return { field: 'actor', rule: 'actor', message: 'expected 1 to 64 printable ASCII characters' };
}

/** The typed error of a refusal. */
export function invalidRoute(problem: RouteProblem): TidemarkError {
  const { field, rule, message } = problem;
  return new TidemarkError('ROUTE_INVALID', `${field}: ${message}`, { retriable: false, context: { field, rule } });
}

function topicsProblem(topics: unknown, limits: RouteLimits, limited: TopicFilters): RouteProblem | undefined {
  if (!Array.isArray(topics)) return { field: 'topics', rule: 'topics-array', message: 'expected an array of topics' };
  const count = topics.length + Object.keys(limited).length;
  if (count === 0) {
    return { field: 'topics', rule: 'topics-min', message: 'expected at least one topic; delete the route to stop it' };
  }
  if (count > limits.topicsMax) {
    const message = `expected at most ${limits.topicsMax} topics, got ${count}`;
    return { field: 'topics', rule: 'topics-max', message };
  }
  for (const [index, topic] of topics.entries()) {
    const problem = targetProblem(topic, limits) ?? duplicateProblem(topics, index);
    if (problem !== undefined) return { field: `topics[${index}]`, ...problem };
  }
  for (const [topic, filter] of Object.entries(limited)) {
    const problem = targetProblem(topic, limits) ?? filterProblem(topics, topic, filter);
    if (problem !== undefined) return { field: `limited.${topic}`, ...problem };
  }
  return undefined;
}

function filterProblem(
  topics: readonly unknown[],
  topic: string,
  { services, buckets }: TopicFilters[string],
): NamelessProblem | undefined {
  if (topics.includes(topic)) return { rule: 'topic-duplicate', message: `${topic} is named as unlimited, too` };
  if (services === undefined && buckets === undefined)
    return { rule: 'limit', message: 'expected services, buckets, or both' };
  for (const [name, texts] of Object.entries({ services, buckets }))
    if (texts !== undefined && !areNames(texts))
      return { rule: 'limit', message: `${name}: expected 1 to 100 different names of [a-z0-9-]{1,64}` };
  return undefined;
}

function areNames(texts: readonly string[]): boolean {
  const isName = (text: string): boolean => /^[a-z0-9-]{1,64}$/.test(text);
  return texts.length >= 1 && texts.length <= 100 && new Set(texts).size === texts.length && texts.every(isName);
}

type NamelessProblem = Omit<RouteProblem, 'field'>;

function targetProblem(topic: unknown, limits: RouteLimits): NamelessProblem | undefined {
  const illegal = topicProblem(topic);
  if (illegal !== undefined) return { rule: 'topic-name', message: illegal };
  return placeProblem(topic as string, limits);
}

function placeProblem(topic: string, { names, allowedTopics }: RouteLimits): NamelessProblem | undefined {
  if (isReserved(topic, names)) {
    return { rule: 'topic-reserved', message: `${topic} is one of Tidemark's own topics, never a target` };
  }
  const prefix = names.cache('');
  if (topic.startsWith(prefix) && topic.length > prefix.length) return undefined;
  if (allowedTopics.some((allowed) => matchesWhole(allowed, topic))) return undefined;
  return {
    rule: 'topic-prefix',
    message: `expected a topic that starts with ${prefix}, or one the configuration allows`,
  };
}

/** A dispatcher that wrote there would feed itself, or overwrite what others own. */
function isReserved(topic: string, names: TopicNames): boolean {
  const own = [names.routes, names.routeHistory, names.pods, names.deadLetters, names.cdc('').slice(0, -1)];
  return own.includes(topic) || topic === names.cdc('') || tableOfCdcTopic(names, topic) !== undefined;
}

function matchesWhole(expression: RegExp, topic: string): boolean {
  return new RegExp(`^(?:${expression.source})$`, expression.flags.replace(/[gy]/g, '')).test(topic);
}

function duplicateProblem(topics: readonly unknown[], index: number): NamelessProblem | undefined {
  const first = topics.indexOf(topics[index]);
  return first < index ? { rule: 'topic-duplicate', message: `the same topic as topics[${first}]` } : undefined;
}
