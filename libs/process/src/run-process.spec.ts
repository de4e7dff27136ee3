import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Child, type ChildOptions } from '../test/child.js';

jest.setTimeout(30_000);

const programs = join(import.meta.dirname, '..', 'test', 'programs');
const children: Child[] = [];

function service(behaviour: string, options: ChildOptions = {}): Child {
  return program('service.ts', { ...options, env: { TIDEMARK_HTTP_PORT: '0', TEST_BEHAVIOUR: behaviour } });
}

function program(name: string, options: ChildOptions = {}): Child {
  const child = new Child(join(programs, name), options);
  children.push(child);
  return child;
}

afterEach(async () => {
  for (const child of children.splice(0)) await child[Symbol.asyncDispose]();
});

const messages = (child: Child): unknown[] => child.lines.map((line) => line['message']);

describe('a process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('drains on %s and ends with code 0', async (signal) => {
    const child = service('well');
    await child.logged('started');
    child.send(signal);
    expect((await child.ended).exitCode).toBe(0);
    expect(messages(child)).toEqual(['listening', 'started', 'stopping', 'draining', 'stopped']);
    expect(child.lines[2]).toMatchObject({ level: 'info', name: 'test-service', reason: signal });
  });

  it('says it is not ready, and stays alive, while it drains', async () => {
    const child = service('drain until SIGUSR2');
    const { url } = await child.logged('listening');
    await child.logged('started');
    const before = await fetch(`${String(url)}/health/ready`);
    expect([before.status, await before.json()]).toEqual([200, { ready: true, detail: { shards: 3 } }]);
    child.send('SIGTERM');
    await child.logged('draining');
    const after = await fetch(`${String(url)}/health/ready`);
    expect([after.status, await after.json()]).toEqual([503, { ready: false, detail: { state: 'stopping' } }]);
    expect((await fetch(`${String(url)}/health/live`)).status).toBe(200);
    child.send('SIGUSR2');
    expect((await child.ended).exitCode).toBe(0);
  });

  it('answers health and metrics before the service has started', async () => {
    const child = service('hang while starting');
    const { url } = await child.logged('listening');
    const ready = await fetch(`${String(url)}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([503, { ready: false, detail: { state: 'starting' } }]);
    expect(await (await fetch(`${String(url)}/metrics`)).text()).toContain('test_started_total 1');
  });

  it('ends in time when a signal comes while it still starts', async () => {
    const child = service('hang while starting');
    await child.logged('listening');
    const sentMs = performance.now();
    child.send('SIGTERM');
    expect((await child.ended).exitCode).toBe(0);
    expect(performance.now() - sentMs).toBeLessThan(10_000);
  });

  it('ends at once on the second signal', async () => {
    const child = service('hang while stopping');
    await child.logged('started');
    child.send('SIGTERM');
    await child.logged('draining');
    child.send('SIGINT');
    expect((await child.ended).exitCode).toBe(130);
    expect(messages(child).at(-1)).toBe('stopping at once');
  });

  it('ends with code 1 when it does not drain in time', async () => {
    const child = program('short-drain.ts');
    await child.logged('started');
    child.send('SIGTERM');
    expect((await child.ended).exitCode).toBe(1);
    expect(child.lines.at(-1)).toMatchObject({ level: 'error', message: 'did not stop in time', drainMs: 200 });
  });

  it.each([
    ['throw later', 'uncaught exception', { message: 'unforeseen' }],
    ['reject later', 'unhandled rejection', { message: 'forgotten' }],
    ['fail to start', 'failed to start', { message: 'no brokers', code: 'ENOBROKERS' }],
  ])('logs the error and ends with code 1 when it comes to %s', async (behaviour, message, error) => {
    const child = service(behaviour);
    expect((await child.ended).exitCode).toBe(1);
    expect(await child.logged(message)).toMatchObject({ level: 'error', error });
  });

  it('logs the error and ends with code 1 when it fails to stop', async () => {
    const child = service('fail to stop');
    await child.logged('started');
    child.send('SIGTERM');
    expect((await child.ended).exitCode).toBe(1);
    expect(await child.logged('failed to stop')).toMatchObject({ error: { message: 'cannot commit' } });
  });

  it('drains and ends when the parent that holds its channel goes', async () => {
    const child = service('well', { ipc: true });
    await child.logged('started');
    child.closeChannel();
    expect((await child.ended).exitCode).toBe(0);
    expect(await child.logged('stopping')).toMatchObject({ reason: 'the parent process is gone' });
  });
});

describe('the command line', () => {
  it('--check prints the configuration and ends with code 0', async () => {
    const child = program('service.ts', { args: ['--check'] });
    expect(await child.ended).toMatchObject({
      exitCode: 0,
      stderr: '',
      stdout: expect.stringMatching(/^configuration ok\n/),
    });
  });

  it('--help prints the table and ends with code 0', async () => {
    const child = program('service.ts', { args: ['--help'] });
    expect(await child.ended).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^test-service: for tests\n/),
    });
  });

  it.each([
    ['an unknown flag', { args: ['--verbose'] }, /^test-service: Unknown option '--verbose'/],
    ['a stray word', { args: ['start'] }, /^test-service: Unexpected argument 'start'/],
    [
      'a wrong configuration',
      { env: { TIDEMARK_HTTP_PORT: 'x' } },
      /^test-service: 1 variable is wrong\n {2}TIDEMARK_HTTP_PORT: /,
    ],
  ])('%s ends it with code 2 and a message', async (_, options, message) => {
    const child = program('service.ts', options);
    expect(await child.ended).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringMatching(message) });
  });
});
