import { execFile } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { commandOf } from './command.js';

describe('commandOf', () => {
  it.each(['sync', 'dispatcher', 'admin', 'doctor', 'routes'] as const)(
    'becomes %s, with the rest of the line',
    (role) => {
      expect(commandOf([role, '--check'])).toEqual({ type: 'run', role, args: ['--check'] });
    },
  );

  it.each(['--help', '-h', 'help'])('%s names every command', (word) => {
    const command = commandOf([word]);
    expect(command).toMatchObject({ type: 'end', exitCode: 0 });
    for (const name of ['sync', 'dispatcher', 'admin', 'doctor', 'routes'])
      expect(command.type === 'end' && command.text).toContain(`\n  ${name} `);
  });

  it('promises --check of processes alone, and no page', () => {
    const command = commandOf(['--help']);
    const text = command.type === 'end' ? command.text : '';
    expect(text).toContain('tidemark sync|dispatcher|admin [--check]\n');
    expect(text).toContain('tidemark doctor [--role sync|dispatcher|admin] [--json] [--write-probe]\n');
    expect(text).toContain('of a process (sync, dispatcher, admin), --check');
    expect(text).not.toContain('page');
  });

  it.each([
    [['synk'], 'unknown command "synk"; did you mean sync?'],
    [['toString'], 'unknown command "toString" ('],
    [['--check'], 'unknown command "--check" ('],
    [[], 'expected a command'],
  ])('refuses %j', (args, text) => {
    const command = commandOf(args);
    expect(command).toMatchObject({ type: 'end', exitCode: 2 });
    expect(command.type === 'end' && command.text).toContain(text);
  });
});

jest.setTimeout(60_000);

describe('tidemark', () => {
  interface Ended {
    readonly code: number | string | null | undefined;
    readonly out: string;
    readonly err: string;
  }
  const bin = path.resolve(import.meta.dirname, '../bin/tidemark.mjs');
  const tidemark = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
    new Promise((resolve) => {
      const options = { env: { PATH: process.env['PATH'], ...env }, timeout: 60_000 };
      execFile(process.execPath, [bin, ...args], options, (error, out, err) =>
        resolve({ code: error === null ? 0 : error.code, out, err }),
      );
    });

  it.each(['sync', 'dispatcher', 'admin', 'doctor'])('%s says what is wrong with its configuration', async (role) => {
    const { code, out, err } = await tidemark([role]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(`tidemark-${role}: `);
    expect(err).toContain('TIDEMARK_REGION: ');
  });

  it('checks one that is right', async () => {
    const env = { TIDEMARK_REGION: 'eu-west-1', TIDEMARK_KAFKA_BROKERS: '127.0.0.1:9092' };
    const { code, out, err } = await tidemark(['dispatcher', '--check'], env);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('eu-west-1');
  });

  it('has a doctor that ends with 1 where nothing answers, in its time', async () => {
    const env = {
      TIDEMARK_REGION: 'eu-west-1',
      TIDEMARK_KAFKA_BROKERS: '127.0.0.1:9',
      TIDEMARK_DOCTOR_DEADLINE: '5s',
    };
    const { code, out, err } = await tidemark(['doctor', '--json'], env);
    expect([code, err]).toEqual([1, '']);
    expect(JSON.parse(out)).toMatchObject({ ok: false });
  });

  it('ends with 2 where the command is none', async () => {
    expect(await tidemark(['sink'])).toMatchObject({ code: 2, out: '' });
  });
});
