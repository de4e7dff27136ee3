import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { BurstAdmin } from './burst-admin.js';
import { type KafkaClient } from './kafka-client.js';

function bench() {
  const log: string[] = [];
  let made = 0;
  const client = {
    admin: () => {
      const name = `admin ${(made += 1)}`;
      return {
        name,
        connect: async () => void log.push(`${name} connected`),
        disconnect: async () => void log.push(`${name} closed`),
      };
    },
  } as unknown as KafkaClient;
  const clock = new ManualClock();
  const closing = new AbortController();
  return { log, clock, closing, admin: new BurstAdmin({ client, clock, signal: closing.signal }) };
}

const nameOf = async (admin: object): Promise<string> => (admin as { name: string }).name;

describe('BurstAdmin', () => {
  it('has one connection for all calls at the same time, and closes it behind the last of them', async () => {
    const { log, admin } = bench();
    let end: () => void = () => undefined;
    const slow = admin.call(() => new Promise<void>((resolve) => (end = resolve)));
    const names = await Promise.all(Array.from({ length: 30 }, () => admin.call(nameOf)));
    expect([new Set(names), log]).toEqual([new Set(['admin 1']), ['admin 1 connected']]);
    end();
    await slow;
    expect(log).toEqual(['admin 1 connected', 'admin 1 closed']);
    expect(await admin.call(nameOf)).toBe('admin 2');
  });

  it('has another one for who comes behind a failure that is of no topic, and lets those at work end', async () => {
    const { admin, clock, log } = bench();
    const silent = admin.call(() => new Promise(() => undefined));
    const failed = expect(silent).rejects.toMatchObject({ code: 'TIMEOUT' });
    await clock.advance(9_000);
    let end: () => void = () => undefined;
    const beside = admin.call(() => new Promise<void>((resolve) => (end = resolve)));
    await settle();
    await clock.advance(1_000);
    await failed;
    expect(await admin.call(nameOf)).toBe('admin 2');
    end();
    await beside;
    expect(log.filter((line) => line.startsWith('admin 1'))).toEqual(['admin 1 connected', 'admin 1 closed']);
  });

  it('keeps the connection where the brokers do not answer for a topic', async () => {
    const { admin } = bench();
    let end: () => void = () => undefined;
    const slow = admin.call(() => new Promise<void>((resolve) => (end = resolve)));
    const missing = Object.assign(new Error('none'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });
    await expect(admin.call(() => Promise.reject(missing))).rejects.toBe(missing);
    expect(await admin.call(nameOf)).toBe('admin 1');
    end();
    await slow;
  });

  it('ends with its caller', async () => {
    const { admin, closing, log } = bench();
    const silent = expect(admin.call(() => new Promise(() => undefined))).rejects.toMatchObject({ code: 'ABORTED' });
    closing.abort();
    await silent;
    expect(log).toEqual(['admin 1 connected', 'admin 1 closed']);
  });
});
