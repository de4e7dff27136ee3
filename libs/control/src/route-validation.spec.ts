import { describe, expect, it } from '@jest/globals';
import { topicNames } from '@tidemark/protocol';

import { actorProblem, invalidRoute, routeProblem } from './route-validation.js';

const limits = { names: topicNames('td'), allowedTopics: [/audit\.[a-z]+/], topicsMax: 3 };

describe('routeProblem', () => {
  it.each([
    ['the default topic', 'users', ['td.cache.users']],
    ['a topic of another name under the prefix', 'users', ['td.cache.users-v2', 'td.cache.shared']],
    ['a topic that the configuration allows', 'users', ['audit.users']],
    ['as many topics as the limit', 'users', ['td.cache.a', 'td.cache.b', 'td.cache.c']],
    ['a table name with dots', 'my.users_table-1', ['td.cache.my.users_table-1']],
  ])('accepts %s', (_, table, topics) => {
    expect(routeProblem(table, topics, limits)).toBeUndefined();
  });

  it.each<[string, unknown, unknown, string, string]>([
    ['a table name too short', 'ab', ['td.cache.a'], 'table', 'table-name'],
    ['a table name with a slash', 'a/b/c', ['td.cache.a'], 'table', 'table-name'],
    ['a table that is no string', 7, ['td.cache.a'], 'table', 'table-name'],
    ['topics that are no array', 'users', 'td.cache.a', 'topics', 'topics-array'],
    ['no topics', 'users', [], 'topics', 'topics-min'],
    ['too many topics', 'users', ['td.cache.a', 'td.cache.b', 'td.cache.c', 'td.cache.d'], 'topics', 'topics-max'],
    ['a topic that is no string', 'users', ['td.cache.a', null], 'topics[1]', 'topic-name'],
    ['an empty topic', 'users', [''], 'topics[0]', 'topic-name'],
    ['a topic with illegal characters', 'users', ['td.cache.a b'], 'topics[0]', 'topic-name'],
    ['a topic with a line break', 'users', ['td.cache.a\n'], 'topics[0]', 'topic-name'],
    ['a topic longer than Kafka allows', 'users', [`td.cache.${'x'.repeat(250)}`], 'topics[0]', 'topic-name'],
    ['a topic twice', 'users', ['td.cache.a', 'td.cache.a'], 'topics[1]', 'topic-duplicate'],
    ['a table topic', 'users', ['td.cdc.users'], 'topics[0]', 'topic-reserved'],
    ["another table's table topic", 'users', ['td.cdc.orders'], 'topics[0]', 'topic-reserved'],
    ['the routing topic', 'users', ['td.routes'], 'topics[0]', 'topic-reserved'],
    ['the pods topic', 'users', ['td.pods'], 'topics[0]', 'topic-reserved'],
    ['the dead letters', 'users', ['td.dead-letters'], 'topics[0]', 'topic-reserved'],
    ['the bare prefix', 'users', ['td.cache.'], 'topics[0]', 'topic-prefix'],
    ["another installation's topic", 'users', ['tidemark.cache.users'], 'topics[0]', 'topic-prefix'],
    ['a topic that merely contains an allowed name', 'users', ['x.audit.users'], 'topics[0]', 'topic-prefix'],
    ['a topic that merely starts with an allowed name', 'users', ['audit.users.1'], 'topics[0]', 'topic-prefix'],
  ])('refuses %s', (_, table, topics, field, rule) => {
    expect(routeProblem(table, topics, limits)).toMatchObject({ field, rule });
  });

  it("never allows Tidemark's own topics, whatever the expressions say", () => {
    const open = { ...limits, allowedTopics: [/.*/] };
    const own = ['td.cdc.users', 'td.cdc', 'td.cdc.', 'td.routes', 'td.route-history', 'td.pods', 'td.dead-letters'];
    for (const topic of own) {
      expect(routeProblem('users', [topic], open)).toMatchObject({ rule: 'topic-reserved' });
    }
  });

  it('answers the same every time for an expression with the global flag', () => {
    const global = { ...limits, allowedTopics: [/audit/g] };
    expect([1, 2, 3].map(() => routeProblem('users', ['audit'], global))).toEqual([undefined, undefined, undefined]);
  });
});

describe('actorProblem', () => {
  it.each(['ops', 'jane.doe@example.com', 'CI run 7', 'x'.repeat(64)])('accepts %j', (actor) => {
    expect(actorProblem(actor)).toBeUndefined();
  });

  it.each(['', ' ', 'ops\n', 'ops ', 'x'.repeat(65), 'é', undefined])('refuses %j', (actor) => {
    expect(actorProblem(actor)).toMatchObject({ field: 'actor', rule: 'actor' });
  });
});

it('names field and rule in the error', () => {
  const error = invalidRoute({ field: 'topics[0]', rule: 'topic-prefix', message: 'no' });
  expect(error).toMatchObject({
    code: 'ROUTE_INVALID',
    retriable: false,
    message: 'topics[0]: no',
    context: { field: 'topics[0]', rule: 'topic-prefix' },
  });
});
