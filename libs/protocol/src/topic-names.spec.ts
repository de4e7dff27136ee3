import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { runs } from '../test/runs.js';
import { tableOfCdcTopic, tableProblem, topicNames, topicProblem } from './topic-names.js';

describe('topicNames', () => {
  it('begins every name with the prefix', () => {
    const names = topicNames('acme');
    expect([names.cdc('t'), names.cache('t'), names.routes, names.pods, names.deadLetters]).toEqual([
      'acme.cdc.t',
      'acme.cache.t',
      'acme.routes',
      'acme.pods',
      'acme.dead-letters',
    ]);
    expect(names.routeHistory).toBe('acme.route-history');
    expect([names.podGroup('orders', 'id'), names.dispatcherGroup]).toEqual(['acme.pod.orders.id', 'acme.dispatcher']);
    expect(names.adminGroup).toBe('acme.admin');
  });

  it('has the prefix tidemark unless told otherwise', () => {
    expect(topicNames().prefix).toBe('tidemark');
  });
});

describe('tableOfCdcTopic', () => {
  it.each([
    ['tidemark.cdc.permissions', 'permissions'],
    ['tidemark.cdc.a.b-c_d', 'a.b-c_d'],
    ['tidemark.cdc.', undefined],
    ['tidemark.cache.permissions', undefined],
    ['other.cdc.permissions', undefined],
    ['tidemark.routes', undefined],
  ])('%s: %s', (topic, table) => {
    expect(tableOfCdcTopic(topicNames(), topic)).toBe(table);
  });

  it('tells the table of every table topic, and takes no other topic for one', () => {
    const letters = fc.constantFrom(...'ab.-_', 'cdc', 'cache', 'pods');
    const prefix = fc.string({ unit: letters, minLength: 1, maxLength: 4 });
    const table = fc
      .string({ unit: letters, minLength: 1, maxLength: 6 })
      .filter((name) => tableProblem(name) === undefined);
    fc.assert(
      fc.property(prefix, table, table, (acme, a, b) => {
        const names = topicNames(acme);
        const others = [names.cache(a), names.routes, names.pods, names.deadLetters];
        return (
          tableOfCdcTopic(names, names.cdc(a)) === a &&
          (names.cdc(a) === names.cdc(b)) === (a === b) &&
          topicProblem(names.cdc(a)) === undefined &&
          others.every((topic) => tableOfCdcTopic(names, topic) === undefined)
        );
      }),
      runs(),
    );
  });
});

describe('topicProblem', () => {
  it.each(['a', 'a.b_c-D9', 'x'.repeat(249), '__consumer', '...'])('allows %s', (topic) => {
    expect(topicProblem(topic)).toBeUndefined();
  });

  it.each([
    ['', 'expected a non-empty string'],
    [undefined, 'expected a non-empty string'],
    ['.', 'expected letters, digits, dots, underscores and hyphens'],
    ['..', 'expected letters, digits, dots, underscores and hyphens'],
    ['a b', 'expected letters, digits, dots, underscores and hyphens'],
    ['a\n', 'expected letters, digits, dots, underscores and hyphens'],
    ['ä', 'expected letters, digits, dots, underscores and hyphens'],
    ['x'.repeat(250), 'expected at most 249 characters, got 250'],
  ])('refuses %j', (topic, problem) => {
    expect(topicProblem(topic)).toBe(problem);
  });
});

describe('tableProblem', () => {
  it.each(['abc', 'permissions', 'a.b_c-D9', 'x'.repeat(200)])('allows %s', (table) => {
    expect(tableProblem(table)).toBeUndefined();
  });

  it.each(['ab', 'x'.repeat(201), 'a/b', 'abc\n', 'añb'])('refuses %j', (table) => {
    expect(tableProblem(table)).toBe('expected 3 to 200 letters, digits, dots, underscores and hyphens');
  });

  it('refuses what is no text', () => {
    expect(tableProblem(7)).toBe('expected a non-empty string');
  });
});
