import { describe, expect, it } from '@jest/globals';
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
    expect([names.podGroup('orders', 'id'), names.dispatcherGroup]).toEqual(['acme.pod.orders.id', 'acme.dispatcher']);
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
