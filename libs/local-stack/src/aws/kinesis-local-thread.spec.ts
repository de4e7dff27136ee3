import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { silentLogger, systemClock } from '@tidemark/runtime';
import { eventually, recordingLogger } from '@tidemark/runtime/testing';
import { KinesisLocalThread } from './kinesis-local-thread.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'thread-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A thread that runs `program` in the place of kinesis-local. */
function running(program: string): KinesisLocalThread {
  const file = join(folder, `${Math.random()}.cjs`);
  writeFileSync(file, `const { parentPort } = require('node:worker_threads');\n${program}`);
  return new KinesisLocalThread({ startTimeoutMs: 20_000, clock: systemClock, file });
}

const opensPort = 'parentPort.postMessage(4711); setInterval(() => undefined, 1_000);';

describe('KinesisLocalThread', () => {
  it('runs once for all of its users, until the last leaves', async () => {
    const thread = running(`console.log('begun'); ${opensPort}`);
    const log = recordingLogger();
    expect(await Promise.all([thread.join(log), thread.join(log)])).toEqual([4711, 4711]);
    await thread.leave();
    expect(await thread.join(log)).toBe(4711);
    await thread.leave();
    await thread.leave();
    expect(log.lines).toEqual([{ level: 'debug', fields: { text: 'begun' }, message: 'kinesis-local printed' }]);
  });

  it('rejects, saying why, when the thread ends before it has opened its port', async () => {
    const thread = running(`throw new Error('no such thing')`);
    await expect(thread.join(silentLogger)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('no such thing'),
    });
    await thread.leave();
  });

  it('logs that the thread ended later on, and begins another once its users have left', async () => {
    const thread = running(`parentPort.postMessage(4711); setTimeout(() => { throw new Error('out of memory') }, 50)`);
    const log = recordingLogger();
    await thread.join(log);
    await eventually('its end is logged', () => log.lines.some(({ level }) => level === 'error'));
    expect(log.lines).toEqual([
      {
        level: 'error',
        fields: { reason: expect.stringContaining('out of memory') },
        message: 'kinesis-local has ended',
      },
    ]);
    await thread.leave();
    expect(await thread.join(log)).toBe(4711);
    await thread.leave();
  });

  it('rejects when its last user leaves before the port is open', async () => {
    const thread = running('setInterval(() => undefined, 1_000)');
    const joined = expect(thread.join(silentLogger)).rejects.toMatchObject({ code: 'CLOSED' });
    await thread.leave();
    await joined;
  });

  it('takes no variable of the process with it', async () => {
    const thread = running(`parentPort.postMessage(Object.keys(process.env).length)`);
    expect(await thread.join(silentLogger)).toBe(0);
    await thread.leave();
  });
});
