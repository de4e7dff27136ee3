import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it, jest } from '@jest/globals';
import { startLocalStack } from '@tidemark/local-stack';
import { run } from './run-command.js';

jest.setTimeout(60_000);

describe('startLocalStack', () => {
  it('starts, is quiet, and stops, without a pipeline, too', async () => {
    const stack = await startLocalStack({ regions: ['eu-west-1'], tables: ['things'], pipeline: false });
    expect(stack.region('eu-west-1')).toMatchObject({
      topicPrefix: 'tidemark',
      kafka: { brokers: [expect.stringMatching(/^127\.0\.0\.1:\d+$/)] },
    });
    await stack.quiesce();
    await stack.stop();
  });

  it.each<[string, object, RegExp]>([
    ['an unknown option', { region: 'eu-west-1' }, /region: expected one of regions, tables/],
    ['no tables', { tables: [] }, /tables: expected at least one table/],
    [
      'brokers of one region alone',
      { kafka: { 'us-east-1': ['127.0.0.1:1'] } },
      /kafka\.eu-west-1: expected at least one/,
    ],
    ['too many partitions', { partitions: 0 }, /partitions: expected a whole number/],
    ['a Kinesis that there is not', { kinesis: 'kcl' }, /kinesis: expected 'kinesalite' or 'kinesis-local'/],
    ['a deadline without a unit', { startDeadline: '5' }, /startDeadline: expected a duration/],
  ])('refuses %s', async (_name, options, message) => {
    await expect(startLocalStack(options)).rejects.toThrow(message);
  });

  it('gives up at its deadline, and says which brokers it waited for', async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const kafka = { 'us-east-1': ['127.0.0.1:1'], 'eu-west-1': [`127.0.0.1:${port}`] };
    const startedMs = performance.now();
    await expect(startLocalStack({ kafka, startDeadline: '500ms' })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: `startLocalStack: not started within 500 ms; it waited for the brokers of us-east-1 (127.0.0.1:1), eu-west-1 (127.0.0.1:${port})`,
      context: { brokers: kafka },
    });
    expect(performance.now() - startedMs).toBeLessThan(6_000);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('names what it does not know or does not own', async () => {
    const stack = await startLocalStack({ regions: ['eu-west-1'], pipeline: false });
    expect(() => stack.region('mars')).toThrow(/region: expected one of eu-west-1, got "mars"/);
    await expect(stack.kill('eu-west-1', 'sync')).rejects.toThrow(/no sync of eu-west-1 runs/);
    await stack.stop();
  });

  it('takes as a process the interval at which sync looks at destinations, and names it where it is none', async () => {
    const { exitCode, stderr } = await run('libs/local-stack/dist/esm/main.js', ['--destination-interval', '7']);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/destinationInterval: expected a duration/),
    });
  });

  it('runs as a process that prints its endpoints and stops on SIGTERM', async () => {
    const { exitCode, stdout, stderr } = await run(
      'libs/local-stack/dist/esm/main.js',
      ['--regions', 'eu-west-1', '--tables', 'things', '--destination-interval', '1s'],
      {
        signalWhen: { signal: 'SIGTERM', output: /\n/ },
      },
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const endpoints = JSON.parse(stdout) as Record<string, { streamArn: string }>;
    expect(endpoints['eu-west-1']?.streamArn).toContain(':stream/');
  });
});
