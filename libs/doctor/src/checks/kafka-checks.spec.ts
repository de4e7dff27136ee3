import { describe, expect, it } from '@jest/globals';
import { type FoundTopic, type TopicProblem, type TopicRole } from '@tidemark/kafka';
import { type Route, topicNames } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { ManualClock } from '@tidemark/runtime/testing';
import { examine } from '../examine.js';
import { type Check, type Finding, ok } from '../finding.js';
import { groupsCheck, lagFindings, type PartitionProgress, stateOf } from './groups.js';
import { type ProcessRole } from '../role-needs.js';
import { permissionsCheck, probeFinding } from './permissions.js';
import { type RouteFacts, routeFindings, type RouteView } from './routes.js';
import { topicFindings } from './topics.js';

type AilingPartition = NonNullable<FoundTopic['ailing']>[number];

const names = topicNames('acme');
/** What the whole check tells. */
const found = async (check: Check): Promise<readonly Finding[]> => {
  const { checks } = await examine([check], { clock: new ManualClock() });
  return checks.flatMap(({ findings }) => findings);
};
const told = (findings: readonly Finding[]): (readonly [string, string])[] =>
  findings.map(({ subject, status }) => [subject, status] as const);
const topic = (name: string, partitions = 4): FoundTopic => ({
  topic: name,
  partitions,
  replicationFactor: 3,
  configs: {},
});
const withRole = (name: string, role: TopicRole) => ({ ...topic(name), role });

const none: RouteFacts = { routes: [], unreadable: [] };
const view = (topics: readonly FoundTopic[], change: Partial<RouteView> = {}): RouteView => ({
  topics,
  ...{ hidden: [], role: undefined },
  ...change,
});

describe('the check of topics', () => {
  const all = [
    withRole(names.routes, 'routes'),
    withRole(names.pods, 'pods'),
    withRole(names.deadLetters, 'dead-letters'),
  ];

  it('is content with topics that fit', () => {
    expect(told(topicFindings(names, { topics: all, problems: [], hidden: [] }, undefined))).toEqual([
      [names.routes, 'ok'],
      [names.pods, 'ok'],
      [names.deadLetters, 'ok'],
    ]);
  });

  it('misses the routing topic most, the pods topic somewhat, dead letters not at all', () => {
    expect(told(topicFindings(names, { topics: [], problems: [], hidden: [] }, undefined))).toEqual([
      [names.routes, 'problem'],
      [names.pods, 'warning'],
      [names.deadLetters, 'skipped'],
    ]);
  });

  it.each<[string, 'error' | 'warning', string, RegExp]>([
    ['partitions', 'error', '1', /make it again with 1 partition.*restore\.md/],
    ['replication.factor', 'error', '3 or more', /reassign/],
    [
      'min.insync.replicas',
      'error',
      '2 or more',
      /--add-config min\.insync\.replicas=2; or set TIDEMARK_TOPIC_MIN_ISR/,
    ],
    ['min.insync.replicas', 'error', '3 or less', /--add-config min\.insync\.replicas=3$/],
    ['min.insync.replicas', 'warning', '2 or less', /--add-config min\.insync\.replicas=2$/],
    ['compression.type', 'error', 'producer, uncompressed, gzip', /--add-config compression\.type=producer$/],
    ['retention.bytes', 'warning', '-1', /--add-config retention\.bytes=-1$/],
  ])('says how to mend %s', (setting, severity, expected, remedy) => {
    const wrong: TopicProblem = { topic: names.routes, setting, severity, expected, got: 'x', why: 'so' };
    const [finding] = topicFindings(names, { topics: all, problems: [wrong], hidden: [] }, undefined);
    expect(finding).toMatchObject({ subject: names.routes, status: severity === 'error' ? 'problem' : 'warning' });
    expect(finding?.remedy).toMatch(remedy);
  });

  it.each<[TopicRole, RegExp]>([
    ['table', /--add-config retention\.ms=3600000; or set TIDEMARK_TOPIC_RETENTION/],
    ['cache', /--add-config retention\.ms=3600000$/],
    ['pods', /--add-config retention\.ms=3600000$/],
    ['route-history', /--add-config retention\.ms=3600000$/],
  ])('offers the variable of retention only where it counts: %s', (role, remedy) => {
    const wrong: TopicProblem = {
      ...{ topic: 'x', setting: 'retention.ms', severity: 'error' },
      ...{ expected: '3600000 or more', got: '1', why: 'so' },
    };
    const report = { topics: [withRole('x', role)], problems: [wrong], hidden: [] };
    expect(topicFindings(names, report, undefined)[0]?.remedy).toMatch(remedy);
  });

  it.each<[TopicRole, string, RegExp]>([
    ['route-history', names.routeHistory, /stop the admins, delete it/],
    ['pods', names.pods, /^delete it: the first pod that reports/],
  ])('tells no other name for the topic of %s, which the prefix names', (role, name, remedy) => {
    const wrong: TopicProblem = {
      topic: name,
      setting: 'partitions',
      severity: 'error',
      expected: '1',
      got: '3',
      why: 'so',
    };
    const finding = topicFindings(
      names,
      { topics: [withRole(name, role)], problems: [wrong], hidden: [] },
      undefined,
    ).at(0);
    expect(finding?.remedy).toMatch(remedy);
  });

  it('knows that a topic may be hidden: not looked at, or the affair of no process that may not see it', () => {
    const report = { topics: [], problems: [], hidden: [names.routes, names.pods, names.deadLetters] };
    const of = (role?: ProcessRole) => topicFindings(names, report, role).map(({ status }) => status);
    expect([of(), of('sync')]).toEqual([
      ['unknown', 'unknown', 'unknown'],
      ['skipped', 'skipped', 'skipped'],
    ]);
  });

  const led = (partition: number, insync: number): AilingPartition => ({
    ...{ partition, insync },
    ...{ hasLeader: true, replicas: 3 },
  });
  const unled = (partition: number): AilingPartition => ({ ...led(partition, 3), hasLeader: false });
  const least = { 'min.insync.replicas': '2' };

  it.each<[string, FoundTopic['ailing'], FoundTopic['configs'], readonly (readonly [string, RegExp])[]]>([
    ['nothing', [], least, [['ok', /^table topic, 4 × 3$/]]],
    ['leaders', [unled(3), unled(5)], least, [['problem', /^partition 3, 5: no leader: nothing of it can be read/]]],
    [
      'replicas',
      [led(1, 1)],
      least,
      [['problem', /^partition 1: fewer.*replicas, 2: writes with acks=all are refused$/]],
    ],
    ['one replica', [led(1, 2), led(2, 2)], least, [['warning', /^partition 1, 2: under-replicated/]]],
    [
      'each something else',
      [unled(0), led(1, 1), led(2, 2)],
      least,
      [
        ['problem', /^partition 0: no leader/],
        ['problem', /^partition 1: fewer/],
        ['warning', /^partition 2: under/],
      ],
    ],
    [
      'replicas, and says not how many it needs',
      [led(1, 1)],
      undefined,
      [
        ['warning', /^partition 1: under-replicated/],
        ['warning', /its settings may not be read$/],
      ],
    ],
  ])('a topic whose partitions lack %s', (_, ailing = [], configs, expected) => {
    const things = { ...withRole('acme.cdc.things', 'table'), ailing, configs };
    const findings = topicFindings(names, { topics: [things, ...all], problems: [], hidden: [] }, undefined);
    expect(findings.filter(({ subject }) => subject === things.topic)).toEqual(
      expected.map(([status, message]) => expect.objectContaining({ status, message: expect.stringMatching(message) })),
    );
  });

  it('warns against an election that loses records', () => {
    const things = { ...withRole('acme.cdc.things', 'table'), ailing: [unled(0)] };
    const [finding] = topicFindings(names, { topics: [things], problems: [], hidden: [] }, undefined);
    expect(finding?.remedy).toMatch(/bring one back.*unclean election would.*lose acknowledged records/);
  });

  it('says that settings may not be read', () => {
    const hidden = { ...withRole(names.routes, 'routes'), configs: undefined };
    const [finding] = topicFindings(names, { topics: [hidden, ...all.slice(1)], problems: [], hidden: [] }, undefined);
    expect(finding).toMatchObject({ status: 'warning', remedy: expect.stringContaining('DescribeConfigs') });
  });
});

describe('the check of routes', () => {
  const route = (table: string, topics: Record<string, number>, change: Partial<Route> = {}): Route => ({
    table,
    version: 2,
    writerEpoch: 1,
    topics,
    deleted: false,
    changedAt: 0,
    changedBy: 'x',
    ...change,
  });
  const cdc = topic('acme.cdc.things');
  const cache = topic('acme.cache.things');
  const things = route('things', { 'acme.cache.things': 1 });

  it.each<[string, readonly Route[], readonly FoundTopic[], (readonly [string, string])[]]>([
    ['as it should be', [things], [cdc, cache], [['things', 'ok']]],
    ['a deleted route of nothing', [route('things', {}, { deleted: true })], [], []],
    ['a table topic without a route', [], [cdc], [['things', 'warning']]],
    ['a table topic whose route was deleted', [route('things', {}, { deleted: true })], [cdc], [['things', 'warning']]],
    ['a route without a table topic', [things], [cache], [['things', 'problem']]],
    ['a route to a topic that is missing', [things], [cdc], [['things', 'problem']]],
    ['a route to a topic of other partitions', [things], [cdc, topic('acme.cache.things', 3)], [['things', 'problem']]],
    ['a paused route', [route('things', things.topics, { paused: true })], [cdc, cache], [['things', 'warning']]],
    [
      'two targets of which one is missing',
      [route('things', { 'acme.cache.things': 1, audit: 2 })],
      [cdc, cache],
      [['things', 'problem']],
    ],
  ])('%s', (_, routes, topics, expected) => {
    expect(told(routeFindings(names, { routes, unreadable: [] }, view(topics)))).toEqual(expected);
  });

  it.each<[string, Partial<RouteView>, RouteFacts, (readonly [string, string])[]]>([
    ['the routing topic', {}, { ...none, refused: 'Describe' }, [[names.routes, 'unknown']]],
    ['what is in the routing topic', {}, { ...none, refused: 'Read' }, [[names.routes, 'unknown']]],
    [
      'a table topic',
      { topics: [cache], hidden: [cdc.topic] },
      { ...none, routes: [things] },
      [[cdc.topic, 'unknown']],
    ],
    ['a target', { topics: [cdc], hidden: [cache.topic] }, { ...none, routes: [things] }, [[cache.topic, 'unknown']]],
    [
      'a target, from a process',
      { topics: [cdc], hidden: [cache.topic], role: 'sync' },
      { ...none, routes: [things] },
      [[cache.topic, 'skipped']],
    ],
  ])('takes what is hidden for no problem: %s', (_, change, facts, expected) => {
    expect(told(routeFindings(names, facts, view([], change)))).toEqual(expected);
  });

  it('tells records that cannot be read', () => {
    expect(routeFindings(names, { ...none, unreadable: ['format version 2.0'] }, view([]))).toMatchObject([
      { subject: names.routes, status: 'problem', message: expect.stringContaining('format version 2.0') },
    ]);
  });
});

describe('the check of the dispatchers’ group', () => {
  const at = (committed: bigint | null, low = 0n, high = 10n): PartitionProgress => ({
    topic: 'acme.cdc.things',
    partition: 0,
    committed,
    low,
    high,
  });
  const facts = (state = 'Stable') => ({ groupId: names.dispatcherGroup, state, members: 2 });
  const lags = (...progress: PartitionProgress[]): readonly Finding[] => lagFindings(names.dispatcherGroup, progress);

  it.each([
    ['Stable', 'ok'],
    ['PreparingRebalance', 'warning'],
    ['CompletingRebalance', 'warning'],
    ['Empty', 'problem'],
    ['Dead', 'problem'],
  ])('%s: %s', (state, status) => {
    expect(stateOf(facts(state))).toMatchObject({ subject: names.dispatcherGroup, status });
  });

  it.each<[string, PartitionProgress, string, RegExp]>([
    ['at the end', at(10n), 'ok', /^0 events wait/],
    ['a little behind', at(4n), 'ok', /^6 events wait/],
    ['far behind', at(0n, 0n, 100_001n), 'warning', /^100001 events wait/],
    ['passed by retention', at(4n, 5n), 'problem', /retention has passed/],
    ['never committed', at(null), 'warning', /nothing is committed/],
    ['never committed, and empty', at(null, 10n), 'ok', /^0 events wait/],
  ])('%s', (_, progress, status, message) => {
    expect(lags(progress)).toMatchObject([{ status, message: expect.stringMatching(message) }]);
  });

  const of = (partition: number, progress: PartitionProgress): PartitionProgress => ({ ...progress, partition });

  it('counts nothing of a partition whose end nobody knows', () => {
    const unled = at(4n, -1n, -1n);
    expect(lags(of(0, at(4n)), of(2, unled))).toMatchObject([
      { status: 'warning', message: expect.stringMatching(/^partition 2: its leader does not answer/) },
      { status: 'ok', message: '6 events wait' },
    ]);
    expect(lags(of(0, unled), of(2, unled))).toMatchObject([
      { status: 'warning', message: expect.stringMatching(/^partition 0, 2: its leader/) },
    ]);
  });

  it('takes a log that ends before what was committed for one that was cut', () => {
    expect(lags(of(0, at(4n)), of(1, at(100n)), of(2, at(4n, 5n)))).toMatchObject([
      {
        status: 'problem',
        message: expect.stringMatching(/partition 1 ends at 10, committed is 100: it was cut or made anew$/),
        remedy: expect.stringMatching(/flush/),
      },
      { status: 'problem', message: expect.stringMatching(/retention has passed .* partition 2:/) },
    ]);
  });

  const away = new TidemarkError('TIMEOUT', 'no answer', { retriable: true });

  it('tells who is a member where nobody says how far they are', async () => {
    const questions = { facts: async () => facts(), progress: () => Promise.reject(away) };
    expect(await found(groupsCheck(names.dispatcherGroup, questions, undefined))).toMatchObject([
      { subject: names.dispatcherGroup, status: 'ok' },
      { subject: `lag of ${names.dispatcherGroup}`, status: 'unknown', message: 'no answer' },
    ]);
  });

  it('says that there is nothing to be behind in', async () => {
    const questions = { facts: async () => facts(), progress: async () => [] };
    expect(await found(groupsCheck(names.dispatcherGroup, questions, 'dispatcher'))).toMatchObject([
      { subject: names.dispatcherGroup, status: 'ok' },
      { subject: names.dispatcherGroup, status: 'skipped', message: expect.stringMatching(/no routed table/) },
    ]);
  });
});

describe('a probe of a permission', () => {
  const { signal } = new AbortController();
  const probe = (error?: TidemarkError, isWrite = false) => ({
    permission: 'kinesis:GetRecords',
    isWrite,
    call: () => (error === undefined ? Promise.resolve() : Promise.reject(error)),
  });
  const failure = (code: 'ACCESS_DENIED' | 'TIMEOUT' | 'TOPIC_MISSING') =>
    new TidemarkError(code, 'x', { retriable: false });

  it.each([
    [probe(), 'ok'],
    [probe(failure('ACCESS_DENIED')), 'problem'],
    [probe(failure('TIMEOUT')), 'unknown'],
    [probe(failure('TOPIC_MISSING')), 'skipped'],
  ])('%#', async (one, status) => {
    expect(await probeFinding(one, true, signal)).toMatchObject({ subject: 'kinesis:GetRecords', status });
  });

  it('makes no call that writes unless it may', async () => {
    const write = { ...probe(undefined, true), call: () => Promise.reject(new Error('was called')) };
    expect(await probeFinding(write, false, signal)).toMatchObject({ status: 'skipped' });
    expect(await probeFinding(write, true, signal)).toMatchObject({ status: 'unknown', message: 'was called' });
  });

  it('is told beside what could not be asked for', async () => {
    const beside = [
      { name: 'destinations', run: async () => [ok('things', 'allowed')] },
      { name: 'topics', run: () => Promise.reject(failure('TIMEOUT')) },
    ];
    expect(await found(permissionsCheck([probe()], beside, { writes: false }))).toMatchObject([
      { subject: 'kinesis:GetRecords', status: 'ok' },
      { subject: 'things', status: 'ok' },
      { subject: 'topics', status: 'unknown' },
    ]);
  });
});
