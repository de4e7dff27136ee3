import { describe, expect, it } from '@jest/globals';
import { type FoundTopic, type TopicOperation, type TopicRole } from '@tidemark/kafka';
import { topicNames } from '@tidemark/protocol';
import { type ProcessRole, processRoles } from '../role-needs.js';
import { anyTable, type TopicPermissionFacts, topicPermissionFindings } from './topic-permissions.js';

const names = topicNames('acme');
const [cdc, cache, audit] = [names.cdc('things'), names.cache('things'), 'audit'];
const every: readonly TopicOperation[] = ['Read', 'Write', 'Describe', 'DescribeConfigs'];
const all = [names.routes, names.routeHistory, names.pods, names.deadLetters, cdc, cache, audit];

const found = (topic: string, operations: readonly TopicOperation[] | undefined): FoundTopic => ({
  ...{ topic, partitions: 1, replicationFactor: 3, configs: {} },
  operations,
});

/** A principal who may do `allowed` with each topic, or everything. */
function facts(
  allowed: Readonly<Record<string, readonly TopicOperation[] | undefined>> = {},
  { hidden = [], missing = [] }: { hidden?: readonly string[]; missing?: readonly string[] } = {},
): TopicPermissionFacts {
  const seen = all.filter((topic) => !hidden.includes(topic) && !missing.includes(topic));
  const topics = seen.map((topic) => found(topic, topic in allowed ? allowed[topic] : every));
  const roleOf = (topic: string): TopicRole => (topic === cdc ? 'table' : topic === cache ? 'cache' : 'pods');
  const report = { topics: topics.map((each) => ({ ...each, role: roleOf(each.topic) })), hidden };
  return { tables: ['things'], routed: ['things'], targets: [cache, audit], report };
}

const told = (of: TopicPermissionFacts, role?: ProcessRole): string[] =>
  topicPermissionFindings(names, of, role).map(({ status, subject }) => `${status}: ${subject}`);

describe('what the brokers allow a process', () => {
  it.each(processRoles)('is all that it does: %s', (role) => {
    expect(told(facts(), role)).toEqual([`ok: topics of ${role}`]);
  });

  it.each<[ProcessRole, string, readonly TopicOperation[], string]>([
    ['sync', cdc, ['Describe', 'Read'], `Write on ${cdc}`],
    ['sync', names.deadLetters, ['Describe'], `Write on ${names.deadLetters}`],
    ['dispatcher', names.routes, ['Describe', 'Write'], `Read on ${names.routes}`],
    ['dispatcher', cdc, ['Describe', 'Write'], `Read on ${cdc}`],
    ['dispatcher', cache, ['Describe', 'Read'], `Write on ${cache}`],
    ['dispatcher', audit, ['Describe', 'Read'], `Write on ${audit}`],
    ['admin', names.routes, ['Describe', 'Read'], `Write on ${names.routes}`],
    ['admin', names.routeHistory, ['Describe', 'Write'], `Read on ${names.routeHistory}`],
    ['admin', names.pods, ['Describe'], `Read on ${names.pods}`],
    ['admin', cache, [], `Describe on ${cache}`],
  ])('is not, for %s, where %s allows %j', (role, topic, allowed, need) => {
    const [finding, ...others] = topicPermissionFindings(names, facts({ [topic]: allowed }), role);
    expect(finding).toMatchObject({ subject: need, status: 'problem' });
    expect(finding?.remedy).toContain(`allow ${need} to the principal of ${role}`);
    expect(others).toEqual([]);
  });

  it('asks of sync nothing that is the dispatcher’s, and of the dispatcher nothing that is sync’s', () => {
    const written = facts({ [cdc]: ['Write'], [cache]: [], [audit]: [], [names.routes]: [], [names.pods]: [] });
    expect(told(written, 'sync')).toEqual(['ok: topics of sync']);
    const read = facts({ [cdc]: ['Read'], [names.deadLetters]: [], [names.pods]: [], [names.routeHistory]: [] });
    expect(told(read, 'dispatcher')).toEqual(['ok: topics of dispatcher']);
  });

  it('is refused of what may not be seen', () => {
    expect(told(facts({}, { hidden: [cache] }), 'dispatcher')).toEqual([`problem: Write on ${cache}`]);
  });

  it('is refused of every table where the topic of none may be seen', () => {
    const hidden = { ...facts({}, { hidden: [cdc, names.cdc(anyTable)] }), tables: [], routed: [] };
    expect(told(hidden, 'sync')).toEqual(['problem: Write on acme.cdc.*']);
    expect(told(hidden, 'dispatcher')).toEqual(['problem: Read on acme.cdc.*']);
    const none = { ...facts({}, { missing: [cdc] }), tables: [], routed: [] };
    expect(told(none, 'sync')).toEqual(['skipped: Write on acme.cdc.*']);
  });

  it('is asked of the routes to come where there is none yet', () => {
    const unrouted = { routed: [], targets: [] };
    expect(told({ ...facts(), ...unrouted }, 'dispatcher')).toEqual(['ok: topics of dispatcher']);
    const hidden = { hidden: [cache, names.cache(anyTable)] };
    const nothing = { ...facts({ [cdc]: ['Describe'] }, hidden), ...unrouted };
    expect(told(nothing, 'dispatcher')).toEqual([`problem: Read on ${cdc}`, 'problem: Write on acme.cache.*']);
    expect(told(nothing, 'admin')).toEqual(['problem: Describe on acme.cache.*']);
    const reading = { ...facts({ [cache]: ['Read'] }), ...unrouted };
    expect(told(reading, 'dispatcher')).toEqual([`problem: Write on ${cache}`]);
  });

  it('is not known of topics that are not there yet, or where brokers do not tell', () => {
    expect(told(facts({}, { missing: [names.deadLetters] }), 'sync')).toEqual([
      `skipped: Write on ${names.deadLetters}`,
    ]);
    expect(told(facts({ [cdc]: undefined }), 'sync')).toEqual([`skipped: Write on ${cdc}`]);
    expect(told(facts({ [cdc]: undefined }))).toContain('skipped: topics, as sync');
  });

  it('is nobody’s problem where it is not said whose principal it is', () => {
    expect(told(facts())).toEqual(processRoles.map((role) => `ok: topics, as ${role}`));
    const reader = facts({ [cdc]: ['Read'], [names.deadLetters]: [] });
    expect(told(reader)).toEqual([
      'skipped: topics, as sync',
      'ok: topics, as dispatcher',
      'skipped: topics, as admin',
    ]);
    expect(topicPermissionFindings(names, reader, undefined)[0]?.message).toBe(
      `Write on ${cdc} and 1 more refused: a problem where this principal is its (--role sync)`,
    );
  });
});
