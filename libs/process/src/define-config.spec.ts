import { describe, expect, it } from '@jest/globals';
import { isTidemarkError } from '@tidemark/runtime';
import { z } from 'zod';
import { duration } from './configuration-field.js';
import { defineConfig } from './define-config.js';
import { type Environment } from './described-field.js';
import {
  endpointFields,
  kafkaFields,
  kafkaOptions,
  leaseTableField,
  processFields,
  regionField,
  saslIsComplete,
  streamField,
  streamIsInRegion,
  topicPrefixField,
} from './shared-fields.js';

const config = defineConfig({
  name: 'tidemark-test',
  description: 'tests the configuration.',
  schema: streamIsInRegion(
    saslIsComplete(
      z.object({
        ...regionField,
        ...kafkaFields,
        ...topicPrefixField,
        ...streamField,
        ...leaseTableField,
        ...endpointFields,
        ...processFields(8_081),
        TIDEMARK_POLL_INTERVAL: duration({ meaning: 'pause between polls', default: '1s', min: '200ms', max: '1m' }),
      }),
    ),
  ),
});

const right: Environment = {
  PATH: '/bin',
  TIDEMARK_REGION: 'eu-west-1',
  TIDEMARK_KAFKA_BROKERS: 'kafka-1:9092, 127.0.0.1:9093',
  TIDEMARK_STREAM_ARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/tidemark',
  TIDEMARK_LEASE_TABLE: 'tidemark-leases',
};

const sasl: Environment = {
  TIDEMARK_KAFKA_SASL_MECHANISM: 'scram-sha-512',
  TIDEMARK_KAFKA_SASL_USERNAME: 'sync',
  TIDEMARK_KAFKA_SASL_PASSWORD: 'hunter2',
};

function problems(environment: Environment): string[] {
  try {
    config.read(environment);
    return [];
  } catch (error) {
    if (!isTidemarkError(error, 'INVALID_CONFIGURATION')) throw error;
    expect(error.retriable).toBe(false);
    const [head, ...lines] = error.message.split('\n');
    expect(head).toMatch(/^tidemark-test: (1 variable is|\d+ variables are) wrong$/);
    expect(error.context['problems']).toHaveLength(lines.length);
    return lines.map((line) => line.trim());
  }
}

describe('a right configuration', () => {
  it('gives checked values, with defaults for what is left out', () => {
    expect(config.read(right)).toEqual({
      TIDEMARK_REGION: 'eu-west-1',
      TIDEMARK_KAFKA_BROKERS: ['kafka-1:9092', '127.0.0.1:9093'],
      TIDEMARK_KAFKA_SSL: false,
      TIDEMARK_TOPIC_PREFIX: 'tidemark',
      TIDEMARK_STREAM_ARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/tidemark',
      TIDEMARK_LEASE_TABLE: 'tidemark-leases',
      TIDEMARK_HTTP_HOST: '127.0.0.1',
      TIDEMARK_HTTP_PORT: 8_081,
      TIDEMARK_LOG_LEVEL: 'info',
      TIDEMARK_POLL_INTERVAL: 1_000,
    });
  });

  it('takes an empty variable for one that is left out', () => {
    expect(config.read({ ...right, TIDEMARK_TOPIC_PREFIX: '', TIDEMARK_DYNAMODB_ENDPOINT: '' })).toEqual(
      config.read(right),
    );
  });

  it.each<[string, string, unknown]>([
    ['TIDEMARK_REGION', 'us-gov-west-1', undefined],
    ['TIDEMARK_KAFKA_SSL', 'true', true],
    ['TIDEMARK_TOPIC_PREFIX', 'team.cache-1', 'team.cache-1'],
    ['TIDEMARK_DYNAMODB_ENDPOINT', 'http://127.0.0.1:8000', 'http://127.0.0.1:8000'],
    ['TIDEMARK_HTTP_HOST', '0.0.0.0', '0.0.0.0'],
    ['TIDEMARK_HTTP_PORT', '0', 0],
    ['TIDEMARK_HTTP_PORT', '65535', 65_535],
    ['TIDEMARK_LOG_LEVEL', 'silent', 'silent'],
    ['TIDEMARK_POLL_INTERVAL', '200ms', 200],
    ['TIDEMARK_POLL_INTERVAL', '1m', 60_000],
    ['TIDEMARK_STREAM_ARN', 'arn:aws-cn:kinesis:eu-west-1:123456789012:stream/a.b_c', undefined],
  ])('takes %s = %s', (name, text, value) => {
    const environment = { ...right, [name]: text };
    if (name === 'TIDEMARK_REGION')
      environment['TIDEMARK_STREAM_ARN'] = 'arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/tidemark';
    expect(config.read(environment)).toHaveProperty(name, value ?? text);
  });

  it('becomes the options of a Kafka client', () => {
    const brokers = ['kafka-1:9092', '127.0.0.1:9093'];
    expect(kafkaOptions(config.read(right))).toEqual({ brokers, ssl: false });
    expect(kafkaOptions(config.read({ ...right, ...sasl, TIDEMARK_KAFKA_SSL: 'true' }))).toEqual({
      brokers,
      ssl: true,
      sasl: { mechanism: 'scram-sha-512', username: 'sync', password: 'hunter2' },
    });
  });

  it('may stand beside the variables of the command that changes routes', () => {
    const more = { TIDEMARK_ADMIN_URL: 'http://a:1', TIDEMARK_ADMIN_TOKEN: 'secret', TIDEMARK_ACTOR: 'jane' };
    expect(problems({ ...right, ...more })).toEqual([]);
  });

  it('may stand among the variables that Kubernetes sets for services of the same name', () => {
    const links = {
      TIDEMARK_ADMIN_SERVICE_HOST: '10.0.0.1',
      TIDEMARK_ADMIN_SERVICE_PORT: '80',
      TIDEMARK_ADMIN_SERVICE_PORT_HTTP: '80',
      TIDEMARK_ADMIN_PORT: 'tcp://10.0.0.1:80',
      TIDEMARK_ADMIN_PORT_80_TCP: 'tcp://10.0.0.1:80',
      TIDEMARK_ADMIN_PORT_80_TCP_ADDR: '10.0.0.1',
    };
    expect(problems({ ...right, ...links })).toEqual([]);
  });
});

describe('a variable of the test suite', () => {
  it('is none of the process', () => {
    expect(problems({ ...right, TIDEMARK_TEST_KAFKA: '127.0.0.1:9092' })).toEqual([]);
  });
});

describe('a wrong configuration', () => {
  it('is reported as a whole, in the order of the fields', () => {
    expect(
      problems({
        TIDEMARK_REGION: 'Ireland',
        TIDEMARK_KAFKA_BROKERS: 'kafka',
        TIDEMARK_KAFKA_SASL_PASSWORD: 'hunter2',
        TIDEMARK_KAFKA_SLL: 'true',
        TIDEMARK_STREAM_ARN: 'tidemark',
        TIDEMARK_HTTP_PORT: '80 80',
        TIDEMARK_POLL_INTERVAL: '5',
      }),
    ).toEqual([
      'TIDEMARK_REGION: expected an AWS region such as eu-west-1, got "Ireland"',
      'TIDEMARK_KAFKA_BROKERS: expected 1 to 100 of host:port, separated by commas, got "kafka"',
      'TIDEMARK_KAFKA_SASL_PASSWORD: expected to be left out without TIDEMARK_KAFKA_SASL_MECHANISM, got a value that is not shown',
      'TIDEMARK_STREAM_ARN: expected the ARN of a stream such as arn:aws:kinesis:eu-west-1:123456789012:stream/tidemark, got "tidemark"',
      'TIDEMARK_LEASE_TABLE: expected 3 to 255 letters, digits, dots, underscores and hyphens, got nothing',
      'TIDEMARK_HTTP_PORT: expected a whole number from 0 to 65535, got "80 80"',
      'TIDEMARK_POLL_INTERVAL: expected a duration with its unit from 200ms to 1m, such as 1s, got "5"',
      'TIDEMARK_KAFKA_SLL: unknown variable; did you mean TIDEMARK_KAFKA_SSL?',
    ]);
  });

  it.each<[string, string, string]>([
    ['TIDEMARK_KAFKA_BROKERS', 'a:1,', 'expected 1 to 100 of host:port, separated by commas, got "a:1,"'],
    ['TIDEMARK_KAFKA_BROKERS', 'a:0', 'expected 1 to 100 of host:port, separated by commas, got "a:0"'],
    ['TIDEMARK_KAFKA_BROKERS', 'a:65536', 'expected 1 to 100 of host:port, separated by commas, got "a:65536"'],
    ['TIDEMARK_KAFKA_BROKERS', 'me:pw@a:1', 'expected 1 to 100 of host:port, separated by commas, got "…@a:1"'],
    ['TIDEMARK_KAFKA_SSL', 'yes', 'expected true or false, got "yes"'],
    ['TIDEMARK_KAFKA_SASL_MECHANISM', 'gssapi', 'expected plain, scram-sha-256 or scram-sha-512, got "gssapi"'],
    [
      'TIDEMARK_TOPIC_PREFIX',
      'a b',
      'expected 1 to 40 letters, digits, dots, underscores and hyphens, a letter or digit first, got "a b"',
    ],
    [
      'TIDEMARK_STREAM_ARN',
      'arn:aws:kinesis:us-east-1:123456789012:stream/tidemark',
      'expected a stream of the region in TIDEMARK_REGION, got "arn:aws:kinesis:us-east-1:123456789012:stream/tidemark"',
    ],
    ['TIDEMARK_DYNAMODB_ENDPOINT', 'x', 'expected an http or https URL without a user name, got "x"'],
    ['TIDEMARK_KINESIS_ENDPOINT', 'ftp://h', 'expected an http or https URL without a user name, got "ftp://h"'],
    ['TIDEMARK_KINESIS_ENDPOINT', 'http://me:pw@h', 'expected an http or https URL without a user name, got "…@h"'],
    ['TIDEMARK_HTTP_PORT', '65536', 'expected a whole number from 0 to 65535, got "65536"'],
    ['TIDEMARK_HTTP_PORT', '-1', 'expected a whole number from 0 to 65535, got "-1"'],
    ['TIDEMARK_HTTP_PORT', '1e3', 'expected a whole number from 0 to 65535, got "1e3"'],
    ['TIDEMARK_LOG_LEVEL', 'trace', 'expected debug, info, warn, error or silent, got "trace"'],
    ['TIDEMARK_POLL_INTERVAL', '199ms', 'expected a duration with its unit from 200ms to 1m, such as 1s, got "199ms"'],
    ['TIDEMARK_POLL_INTERVAL', '61s', 'expected a duration with its unit from 200ms to 1m, such as 1s, got "61s"'],
    [
      'TIDEMARK_LEASE_TABLE',
      'x'.repeat(300),
      `expected 3 to 255 letters, digits, dots, underscores and hyphens, got "${'x'.repeat(100)}…"`,
    ],
  ])('%s = %s', (name, text, problem) => {
    const environment =
      name === 'TIDEMARK_KAFKA_SASL_MECHANISM' ? { ...right, ...sasl, [name]: text } : { ...right, [name]: text };
    expect(problems(environment)).toEqual([`${name}: ${problem}`]);
  });

  it.each([
    ['TIDEMARK_KAFKA_SASL_USERNAME', 'expected to be set with TIDEMARK_KAFKA_SASL_MECHANISM, got nothing'],
    ['TIDEMARK_KAFKA_SASL_PASSWORD', 'expected to be set with TIDEMARK_KAFKA_SASL_MECHANISM, got nothing'],
  ])('a mechanism without %s is reported, also beside other problems', (name, problem) => {
    const environment = { ...right, ...sasl, [name]: undefined };
    expect(problems(environment)).toEqual([`${name}: ${problem}`]);
    expect(problems({ ...environment, TIDEMARK_LOG_LEVEL: 'x' })).toContain(`${name}: ${problem}`);
  });

  it('never shows a secret, nor the value of a variable it does not know', () => {
    const said = problems({
      ...right,
      TIDEMARK_KAFKA_SASL_PASSWORD: 'hunter2',
      TIDEMARK_KAFKA_SASL_PASWORD: 'hunter2',
      TIDEMARK_KINESIS_ENDPOINT: 'ftp://me:hunter2@host',
    }).join('\n');
    expect(said).toContain('did you mean TIDEMARK_KAFKA_SASL_PASSWORD?');
    expect(said).not.toContain('hunter2');
  });

  it('has no guess for a name that resembles none', () => {
    expect(problems({ ...right, TIDEMARK_QUORUM_OF_LLAMAS: '1' })).toEqual([
      'TIDEMARK_QUORUM_OF_LLAMAS: unknown variable',
    ]);
  });

  it('of an empty environment names every required variable', () => {
    expect(problems({}).map((line) => line.split(':')[0])).toEqual([
      'TIDEMARK_REGION',
      'TIDEMARK_KAFKA_BROKERS',
      'TIDEMARK_STREAM_ARN',
      'TIDEMARK_LEASE_TABLE',
    ]);
  });
});

describe('the command line', () => {
  it('without flags runs', () => {
    expect(config.command([], right)).toEqual({ type: 'run', values: config.read(right) });
  });

  it('--check prints the effective configuration without its secrets', () => {
    const command = config.command(['--check'], { ...right, ...sasl });
    expect(command).toEqual({
      type: 'end',
      exitCode: 0,
      text: `configuration ok
  TIDEMARK_REGION               = eu-west-1
  TIDEMARK_KAFKA_BROKERS        = kafka-1:9092, 127.0.0.1:9093
  TIDEMARK_KAFKA_SSL            = false (default)
  TIDEMARK_KAFKA_SASL_MECHANISM = scram-sha-512
  TIDEMARK_KAFKA_SASL_USERNAME  = sync
  TIDEMARK_KAFKA_SASL_PASSWORD  = (set, not shown)
  TIDEMARK_TOPIC_PREFIX         = tidemark (default)
  TIDEMARK_STREAM_ARN           = arn:aws:kinesis:eu-west-1:123456789012:stream/tidemark
  TIDEMARK_LEASE_TABLE          = tidemark-leases
  TIDEMARK_DYNAMODB_ENDPOINT    = (not set)
  TIDEMARK_KINESIS_ENDPOINT     = (not set)
  TIDEMARK_HTTP_HOST            = 127.0.0.1 (default)
  TIDEMARK_HTTP_PORT            = 8081 (default)
  TIDEMARK_LOG_LEVEL            = info (default)
  TIDEMARK_POLL_INTERVAL        = 1s (default)
`,
    });
  });

  it('a wrong configuration ends with code 2, with --check or without', () => {
    const environment = { ...right, TIDEMARK_REGION: undefined };
    const end = {
      type: 'end',
      exitCode: 2,
      text: 'tidemark-test: 1 variable is wrong\n  TIDEMARK_REGION: expected an AWS region such as eu-west-1, got nothing\n',
    };
    expect(config.command(['--check'], environment)).toEqual(end);
    expect(config.command([], environment)).toEqual(end);
  });

  it('--help prints every variable with its default, whatever the environment', () => {
    const command = config.command(['--help', '--check'], {});
    if (command.type === 'run') throw new Error('runs');
    expect(command.exitCode).toBe(0);
    const lines = command.text.split('\n');
    expect(lines[0]).toBe('tidemark-test: tests the configuration.');
    const table = lines
      .slice(lines.findIndex((line) => line.startsWith('VARIABLE ')) + 1)
      .filter((line) => line !== '');
    expect(table.map((line) => line.split(/\s{2,}/).slice(0, 2))).toEqual(
      config.fields.map((field) => [field.name, field.default ?? (field.required ? '(required)' : '(none)')]),
    );
    expect(table.at(-1)).toMatch(/1s +a duration with its unit from 200ms to 1m, such as 1s +pause between polls$/);
  });

  it.each([[['--verbose']], [['-x']], [['start']], [['--check=yes']], [['--']]])('%j', (args) => {
    const command = config.command(args, right);
    if (args[0] === '--') expect(command.type).toBe('run');
    else
      expect(command).toMatchObject({
        type: 'end',
        exitCode: 2,
        text: expect.stringMatching(/^tidemark-test: .+ \(see --help\)\n$/s),
      });
  });
});

describe('defineConfig', () => {
  it('knows which variables must be set', () => {
    const mustBeSet = config.fields.filter((field) => field.required).map((field) => field.name);
    expect(mustBeSet).toEqual(Object.keys(right).filter((name) => name !== 'PATH'));
  });

  it('refuses a field that is not documented', () => {
    const schema = z.object({ TIDEMARK_X: z.string() });
    expect(() => defineConfig({ name: 'n', description: 'd', schema })).toThrow('TIDEMARK_X: expected a field');
  });

  it('writes the table of variables for a page', () => {
    const lines = config.markdownTable().split('\n');
    expect(lines.slice(0, 3)).toEqual([
      '| variable | meaning | default | takes |',
      '| --- | --- | --- | --- |',
      '| `TIDEMARK_REGION` | region served; nothing crosses regions | (required) | an AWS region such as eu-west-1 |',
    ]);
    expect(lines).toHaveLength(2 + config.fields.length);
  });
});
