import { type FoundTopic, type TopicOperation } from '@tidemark/kafka';
import { type TopicNames } from '@tidemark/protocol';

/** The processes of the pipeline. */
export const processRoles = ['sync', 'dispatcher', 'admin'] as const;
export type ProcessRole = (typeof processRoles)[number];

/** The topics of a region that are not named by the prefix alone. */
export interface RegionTopics {
  /** Tables that have a table topic or a live route. */
  readonly tables: readonly string[];
  /** Tables that have a live route. */
  readonly routed: readonly string[];
  /** Where live routes go. */
  readonly targets: readonly string[];
}

/** One operation on one topic that a process needs. */
export interface Need {
  readonly topic: string;
  readonly operation: TopicOperation;
}

/** What a process does with topics that exist: its row of infra/kafka/README.md. */
export function needsOf(
  role: ProcessRole,
  names: TopicNames,
  { tables, routed, targets }: RegionTopics,
): readonly Need[] {
  const each = (operation: TopicOperation, topics: readonly string[]): Need[] =>
    topics.map((topic) => ({ topic, operation }));
  const cdc = (some: readonly string[]): string[] => some.map((table) => names.cdc(table));
  switch (role) {
    case 'sync':
      return each('Write', [...cdc(tables), names.deadLetters]);
    case 'dispatcher':
      return [...each('Read', [names.routes, ...cdc(routed)]), ...each('Write', targets)];
    case 'admin':
      return [
        ...each('Read', [names.routes, names.routeHistory, names.pods]),
        ...each('Write', [names.routes, names.routeHistory]),
        ...each('Describe', [...cdc(tables), ...targets]),
      ];
  }
}

/** Those that are refused, those of topics that are not there yet, and those that the brokers do not tell of. */
export interface Verdict {
  readonly refused: readonly Need[];
  readonly missing: readonly Need[];
  readonly untold: readonly Need[];
}

/** `hidden`: topics that this principal may not see, which whoever may do anything with a topic may. */
export function judgeNeeds(
  needs: readonly Need[],
  topics: readonly FoundTopic[],
  hidden: ReadonlySet<string>,
): Verdict {
  const found = new Map(topics.map((each) => [each.topic, each]));
  const isRefused = ({ topic, operation }: Need): boolean =>
    hidden.has(topic) || found.get(topic)?.operations?.includes(operation) === false;
  return {
    refused: needs.filter(isRefused),
    missing: needs.filter(({ topic }) => !found.has(topic) && !hidden.has(topic)),
    untold: needs.filter(({ topic }) => found.has(topic) && found.get(topic)?.operations === undefined),
  };
}
