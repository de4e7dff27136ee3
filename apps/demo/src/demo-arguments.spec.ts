import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { readArguments, usage } from './demo-arguments.js';

const defaults = { once: false, json: undefined, kafka: 'embedded', processes: false, port: 0 };

describe('the arguments of the demo', () => {
  it('all have defaults', () => {
    expect(readArguments([])).toEqual(defaults);
  });

  it.each([
    [['--once'], { once: true }],
    [['--json', 'result.json'], { json: 'result.json' }],
    [['--kafka', 'apache'], { kafka: 'apache' }],
    [['--kafka', 'localhost:9092'], { kafka: 'localhost:9092' }],
    [['--kafka=kafka-1.local:1,10.0.0.2:65535'], { kafka: 'kafka-1.local:1,10.0.0.2:65535' }],
    [['--processes'], { processes: true }],
    [['--port', '65535'], { port: 65_535 }],
  ])('are read: %j', (args, read) => {
    expect(readArguments(args)).toEqual({ ...defaults, ...read });
  });

  it('ask for help, whatever else they say', () => {
    expect(readArguments(['--port', 'none', '--help'])).toBe('help');
  });

  it.each([
    [['--port', '65536'], '--port: expected a port from 0 to 65535, got "65536"'],
    [['--port', '80x'], '--port: expected a port from 0 to 65535, got "80x"'],
    [['--port='], '--port: expected a port from 0 to 65535, got ""'],
    [['--port', '1e3'], '--port: expected a port from 0 to 65535, got "1e3"'],
    [['--kafka', 'confluent'], '--kafka: expected embedded, apache or HOST:PORT,…, got "confluent"'],
    [['--kafka', 'localhost'], '--kafka: expected embedded, apache or HOST:PORT,…, got "localhost"'],
    [['--kafka', 'a:1,'], '--kafka: expected embedded, apache or HOST:PORT,…, got "a:1,"'],
    [['--kafka', 'a:0'], '--kafka: expected embedded, apache or HOST:PORT,…, got "a:0"'],
    [['--kafka', 'a:65536'], '--kafka: expected embedded, apache or HOST:PORT,…, got "a:65536"'],
    [['--twice'], '--twice'],
    [['once'], 'once'],
    [['--json'], '--json'],
  ])('are refused in one sentence: %j', (args, message) => {
    expect(() => readArguments(args)).toThrow(message);
  });

  it('are all told by --help and by the README', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    for (const flag of ['--once', '--json FILE', '--kafka', '--processes', '--port N']) {
      expect(usage).toContain(`  ${flag}`);
      expect(readme).toContain(`\`${flag}`);
    }
  });
});
