import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '@tidemark/runtime/testing';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { root } from './run-command.js';

jest.setTimeout(60_000);

interface Running {
  readonly child: ChildProcess;
  output(): string;
}

const running: Running[] = [];

afterEach(() => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL');
});

function start(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  const started = { child, output: () => output };
  running.push(started);
  return started;
}

/** The first group of `pattern` in what the process prints. */
async function printed({ output }: Running, pattern: RegExp): Promise<string> {
  await eventually(String(pattern), () => pattern.test(output()), 20_000);
  return pattern.exec(output())?.[1] ?? '';
}

describe('brokers that take connections and say nothing', () => {
  it('hold up neither the end of a dispatcher nor of an admin that serves a change: 0 within 10 s', async () => {
    const kafka = start('libs/local-stack/dist/esm/kafka-main.js', []);
    const brokers = await printed(kafka, /^(127\.0\.0\.1:\d+)$/m);
    const env = { TIDEMARK_REGION: 'eu-west-1', TIDEMARK_KAFKA_BROKERS: brokers, TIDEMARK_HTTP_PORT: '0' };
    const admin = start('apps/admin/dist/main.js', [], { ...env, TIDEMARK_TOPIC_REPLICATION_FACTOR: '1' });
    const dispatcher = start('apps/dispatcher/dist/main.js', [], env);
    const url = await printed(admin, /"url":"([^"]+)"/);
    await printed(admin, /(admin: ready)/);
    const leads = async (): Promise<boolean> => (await fetch(`${url}/health/leader`)).status === 200;
    await eventually('it takes changes', leads, 20_000);
    const put = (headers: Record<string, string>, ...topics: string[]): Promise<Response> =>
      fetch(`${url}/api/v1/routes/things`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ topics }),
      });
    expect((await put({ 'if-none-match': '*' }, 'tidemark.cache.things')).status).toBe(201);
    await printed(dispatcher, /"tables":\["(things)"\],"message":"dispatcher: subscribed/);

    kafka.child.kill('SIGSTOP');
    const change = put({ 'if-match': '"1"' }, 'tidemark.cache.other').catch(() => undefined);
    const [signalledMs, ended] = [performance.now(), [admin, dispatcher].map(({ child }) => once(child, 'exit'))];
    for (const { child } of [admin, dispatcher]) child.kill('SIGTERM');
    expect(await Promise.all(ended)).toEqual([
      [0, null],
      [0, null],
    ]);
    expect(performance.now() - signalledMs).toBeLessThan(10_000);
    await change;
  });
});
