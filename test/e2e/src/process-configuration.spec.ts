import { describe, expect, it } from '@jest/globals';
import { run } from './run-command.js';

const kafka = { TIDEMARK_KAFKA_BROKERS: '127.0.0.1:9' };

describe('each process with a wrong configuration', () => {
  it.each(['sync', 'dispatcher', 'admin', 'example-service'])(
    '%s lists every wrong variable at once and ends with 2',
    async (app) => {
      const { exitCode, stderr, stdout } = await run(`apps/${app}/dist/main.js`, [], {
        env: {
          TIDEMARK_REGION: 'Mars',
          TIDEMARK_KAFKA_BROKERS: 'nonsense',
          TIDEMARK_HTTP_PORT: '70000',
          TIDEMARK_TOPIK_PREFIX: 'x',
        },
      });
      expect(exitCode).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/TIDEMARK_KAFKA_BROKERS/);
      expect(stderr).toMatch(/TIDEMARK_HTTP_PORT/);
      expect(stderr).toMatch(/TIDEMARK_TOPIK_PREFIX.*TIDEMARK_TOPIC_PREFIX/);
      process.stdout.write(`${app}:\n${stderr}\n`);
    },
  );

  it.each(['sync', 'dispatcher', 'admin', 'example-service'])('%s prints its variables for --help', async (app) => {
    const { exitCode, stdout } = await run(`apps/${app}/dist/main.js`, ['--help']);
    expect(exitCode).toBe(0);
    for (const name of ['TIDEMARK_KAFKA_BROKERS', 'TIDEMARK_TOPIC_PREFIX', 'TIDEMARK_HTTP_PORT', 'TIDEMARK_LOG_LEVEL'])
      expect(stdout).toContain(name);
  });

  it('--check validates and ends', async () => {
    const { exitCode, stdout } = await run('apps/dispatcher/dist/main.js', ['--check'], {
      env: { ...kafka, TIDEMARK_REGION: 'eu-west-1' },
    });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/configuration ok/);
  });

  it('a dispatcher whose broker is down is up, says that it is not ready, and stops on SIGTERM', async () => {
    const { exitCode, stdout } = await run('apps/dispatcher/dist/main.js', [], {
      env: { ...kafka, TIDEMARK_REGION: 'eu-west-1', TIDEMARK_HTTP_PORT: '0' },
      signalWhen: { signal: 'SIGTERM', output: /listening/ },
      timeoutMs: 30_000,
    });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/stopping/);
  });
});
