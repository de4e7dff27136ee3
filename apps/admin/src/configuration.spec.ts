import { describe, expect, it } from '@jest/globals';

import { adminOptions, configuration, topicSettings } from './configuration.js';

const least = { TIDEMARK_REGION: 'eu-west-1', TIDEMARK_KAFKA_BROKERS: 'kafka-1:9092' };
const token = 'a-token-of-some-length';

describe('the configuration of admin', () => {
  it('needs region and brokers, and has defaults for the rest', () => {
    expect(adminOptions(configuration.read(least))).toEqual({
      host: '127.0.0.1',
      port: 8_083,
      token: undefined,
      table: { allowedTopics: [], createTopics: true, tablePartitions: 4 },
    });
    expect(configuration.fields.filter((field) => field.required)).toHaveLength(2);
  });

  it('takes every option from its own variable', () => {
    const values = configuration.read({
      ...least,
      TIDEMARK_HTTP_HOST: '0.0.0.0',
      TIDEMARK_HTTP_PORT: '0',
      TIDEMARK_ADMIN_TOKEN: token,
      TIDEMARK_ALLOWED_TOPICS: String.raw`audit\..+, search`,
      TIDEMARK_CREATE_TOPICS: 'false',
      TIDEMARK_TOPIC_PARTITIONS: '6',
    });
    expect(adminOptions(values)).toEqual({
      host: '0.0.0.0',
      port: 0,
      token,
      table: { allowedTopics: [/audit\..+/, /search/], createTopics: false, tablePartitions: 6 },
    });
  });

  it('takes brackets that are closed, within a class, or escaped', () => {
    const list = String.raw`x{3}(a|b)[c-d], [{(], \{, \[, [\]]`;
    const { allowedTopics } = adminOptions(configuration.read({ ...least, TIDEMARK_ALLOWED_TOPICS: list })).table;
    expect(allowedTopics).toEqual([/x{3}(a|b)[c-d]/, /[{(]/, /\{/, /\[/, /[\]]/]);
  });

  it('makes topics as it is told, and with one in-sync replica less than copies where it is not', () => {
    expect(topicSettings(configuration.read(least))).toEqual({ replicationFactor: 3, tableRetentionMs: 259_200_000 });
    const told = {
      TIDEMARK_TOPIC_REPLICATION_FACTOR: '2',
      TIDEMARK_TOPIC_MIN_ISR: '1',
      TIDEMARK_TOPIC_RETENTION: '1d',
    };
    expect(topicSettings(configuration.read({ ...least, ...told }))).toEqual({
      replicationFactor: 2,
      minInsyncReplicas: 1,
      tableRetentionMs: 86_400_000,
    });
  });

  it.each<[string, Record<string, string>, string]>([
    ['more in-sync replicas than copies', { TIDEMARK_TOPIC_MIN_ISR: '4' }, 'TIDEMARK_TOPIC_MIN_ISR: expected at most'],
    ['another host without a token', { TIDEMARK_HTTP_HOST: '0.0.0.0' }, 'TIDEMARK_HTTP_HOST: expected a loopback'],
    ['a short token', { TIDEMARK_ADMIN_TOKEN: 'short' }, 'TIDEMARK_ADMIN_TOKEN: expected 16 to 512'],
    ['a broken expression', { TIDEMARK_ALLOWED_TOPICS: 'a,(' }, 'TIDEMARK_ALLOWED_TOPICS: expected'],
    ['half of an expression', { TIDEMARK_ALLOWED_TOPICS: 'team[.]x{1,3}' }, 'TIDEMARK_ALLOWED_TOPICS: expected'],
    ['half of a class', { TIDEMARK_ALLOWED_TOPICS: 'team[a,b]' }, 'TIDEMARK_ALLOWED_TOPICS: expected'],
    ['an empty expression', { TIDEMARK_ALLOWED_TOPICS: 'a,' }, 'TIDEMARK_ALLOWED_TOPICS: expected'],
    ['too many partitions', { TIDEMARK_TOPIC_PARTITIONS: '1001' }, 'TIDEMARK_TOPIC_PARTITIONS: expected'],
  ])('refuses %s', (_, environment, problem) => {
    expect(() => configuration.read({ ...least, ...environment })).toThrow(problem);
  });

  it('never shows the token', () => {
    for (const args of [['--check'], ['--help']]) {
      const command = configuration.command(args, { ...least, TIDEMARK_ADMIN_TOKEN: token });
      expect(command).toMatchObject({ type: 'end', exitCode: 0 });
      expect(JSON.stringify(command)).not.toContain(token);
    }
    const wrong = configuration.command(['--check'], { ...least, TIDEMARK_ADMIN_TOKEN: 'secret word' });
    expect(wrong).toMatchObject({ exitCode: 2 });
    expect(JSON.stringify(wrong)).not.toContain('secret word');
  });
});
