import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { lineDestination, pinoLogger } from './pino-logger.js';
import { type LogLevel } from './shared-fields.js';

function logged(level: LogLevel): { readonly lines: string[]; readonly logger: ReturnType<typeof pinoLogger> } {
  const lines: string[] = [];
  return { lines, logger: pinoLogger(level, 'tidemark-test', { write: (line) => void lines.push(line) }) };
}

const parsed = (lines: readonly string[]): Record<string, unknown>[] =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>);

describe('pinoLogger', () => {
  it('writes one JSON line: level, time, name, fields, message', () => {
    const { lines, logger } = logged('info');
    logger.info({ shard: 'shardId-0', count: 3 }, 'a "line"\nof two');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]+\n$/);
    expect(parsed(lines)[0]).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      name: 'tidemark-test',
      pid: process.pid,
      shard: 'shardId-0',
      count: 3,
      message: 'a "line"\nof two',
    });
  });

  it.each<[LogLevel, string[]]>([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
    ['silent', []],
  ])('at %s writes %j', (level, written) => {
    const { lines, logger } = logged(level);
    for (const severity of ['debug', 'info', 'warn', 'error'] as const) logger[severity]({}, severity);
    expect(parsed(lines).map((line) => line['level'])).toEqual(written);
  });

  it('writes errors with their code, context, stack and causes, under any field', () => {
    const { lines, logger } = logged('info');
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const error = new TidemarkError('PUBLISH_FAILED', 'no ack', { retriable: true, cause, context: { topic: 't' } });
    logger.error({ error, other: new RangeError('x') }, 'failed');
    expect(parsed(lines)[0]).toMatchObject({
      error: {
        name: 'TidemarkError',
        code: 'PUBLISH_FAILED',
        message: 'no ack',
        retriable: true,
        context: { topic: 't' },
        stack: expect.stringContaining('pino-logger.spec'),
        cause: { name: 'Error', code: 'ECONNREFUSED', message: 'refused' },
      },
      other: { name: 'RangeError', message: 'x' },
    });
  });

  it('ends a chain of causes, even one that bites its own tail', () => {
    const { lines, logger } = logged('info');
    const error = new Error('a');
    error.cause = error;
    logger.error({ error }, 'failed');
    expect(parsed(lines)).toHaveLength(1);
    expect(lines[0]?.match(/"message":"a"/g)).toHaveLength(6);
  });

  it('survives what JSON cannot hold', () => {
    const { lines, logger } = logged('info');
    const circle: Record<string, unknown> = { offset: 7n };
    circle['self'] = circle;
    logger.warn({ circle, fn: () => 1 }, 'odd');
    expect(parsed(lines)[0]).toMatchObject({ circle: { offset: 7 }, message: 'odd' });
  });
});

describe('where lines go', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-lines-'));
    file = join(folder, 'log');
    writeFileSync(file, '');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is a file that has each line as soon as it was written', () => {
    const fd = openSync(file, 'a');
    pinoLogger('info', 'test', lineDestination(fd)).info({}, 'here');
    expect(readFileSync(file, 'utf8')).toContain('"message":"here"');
    closeSync(fd);
  });

  it('fails nobody where nothing can be written, however often', () => {
    const fd = openSync(file, 'r');
    const logger = pinoLogger('info', 'test', lineDestination(fd));
    const say = (): void => logger.error({ text: 'x'.repeat(10_000) }, 'a full disk looks like this');
    for (let i = 0; i < 1_000; i += 1) expect(say).not.toThrow();
    closeSync(fd);
  });
});
