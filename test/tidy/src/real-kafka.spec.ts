import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { askCluster, available, classPath, freePorts, isFree, startKafka } from './tools.mjs';

describe('the jars of Apache Kafka', () => {
  let cache = '';

  beforeEach(() => {
    cache = mkdtempSync(path.join(tmpdir(), 'tidemark-jars-'));
  });

  afterEach(() => rmSync(cache, { recursive: true, force: true }));

  const download = async (folder: string): Promise<void> => {
    await mkdir(path.join(folder, 'jars'));
    for (const name of ['b.jar', 'a.jar', 'notes.txt']) writeFileSync(path.join(folder, 'jars', name), name);
  };
  const names = (jars: string): string[] => jars.split(path.delimiter).map((jar) => path.basename(jar));

  it('are fetched once', async () => {
    let downloads = 0;
    const counted = (folder: string): Promise<void> => {
      downloads += 1;
      return download(folder);
    };
    const first = await classPath(cache, counted);
    expect(names(first)).toEqual(['a.jar', 'b.jar']);
    expect(await classPath(cache, counted)).toBe(first);
    expect(downloads).toBe(1);
  });

  it('may be fetched by two at once: both get the same whole folder', async () => {
    const [one, other] = await Promise.all([classPath(cache, download), classPath(cache, download)]);
    expect(names(one)).toEqual(['a.jar', 'b.jar']);
    expect(other).toBe(one);
    expect(readdirSync(cache)).toHaveLength(1);
  });

  it('are not there by half when the download fails, and can be fetched again', async () => {
    const broken = async (folder: string): Promise<void> => {
      await mkdir(path.join(folder, 'jars'));
      writeFileSync(path.join(folder, 'jars', 'a.jar'), 'half');
      throw new Error('the connection was lost');
    };
    await expect(classPath(cache, broken)).rejects.toThrow('the connection was lost');
    expect(readdirSync(cache)).toEqual([]);
    expect(names(await classPath(cache, download))).toEqual(['a.jar', 'b.jar']);
  });

  it('leave alone a download that goes on beside them, and remove one that was killed long ago', async () => {
    const [running, killed] = ['download-running', 'download-killed'].map((name) => path.join(cache, name));
    await mkdir(running ?? '');
    await mkdir(killed ?? '');
    utimesSync(killed ?? '', 0, 0);
    await classPath(cache, download);
    expect(existsSync(running ?? '')).toBe(true);
    expect(existsSync(killed ?? '')).toBe(false);
  });
});

describe('the question whether a broker is ready', () => {
  let server: net.Server | undefined;

  afterEach(async () => {
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
    server = undefined;
  });

  /** Answers each request with the next of these, in pieces of a few bytes. */
  async function brokerThatSays(...answers: Buffer[]): Promise<number> {
    const listening = net.createServer((socket) => {
      const left = [...answers];
      socket.on('error', () => undefined);
      socket.on('data', () => {
        const answer = left.shift();
        if (answer === undefined) return void socket.end();
        for (let at = 0; at < answer.length; at += 3) socket.write(answer.subarray(at, at + 3));
      });
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    return (listening.address() as AddressInfo).port;
  }

  const framed = (body: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length);
    return Buffer.concat([length, body]);
  };
  const int32 = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length);
    values.forEach((value, index) => bytes.writeInt32BE(value, 4 * index));
    return bytes;
  };
  const string = (text: string): Buffer => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)]);
  const nothing = Buffer.from([0xff, 0xff]);
  const versions = framed(Buffer.concat([int32(18), Buffer.from([0, 0])]));
  const broker = (id: number): Buffer => Buffer.concat([int32(id), string('127.0.0.1'), int32(9000 + id), nothing]);

  it('is answered with the brokers, their addresses and the controller', async () => {
    const metadata = Buffer.concat([int32(3, 0, 2), broker(2), broker(1), string('cluster'), int32(2), int32(0)]);
    const port = await brokerThatSays(versions, framed(metadata));
    const addresses = ['127.0.0.1:9001', '127.0.0.1:9002'];
    expect(await askCluster(port)).toEqual({ brokers: [1, 2], addresses, controller: 2 });
  });

  it('has no answer where nobody listens', async () => {
    const [port = 0] = await freePorts(1);
    expect(await askCluster(port)).toBeUndefined();
  });

  it.each([
    ['hangs up', []],
    ['refuses the handshake', [framed(Buffer.concat([int32(18), Buffer.from([0, 35])]))]],
    ['hangs up in the middle', [versions, Buffer.from([0, 0, 0, 99, 1])]],
    ['talks nonsense', [versions, framed(Buffer.from('GET / HTTP/1.1'))]],
  ])('has no answer where the other end %s', async (_what, answers) => {
    const port = await brokerThatSays(...answers);
    expect(await askCluster(port, 200)).toBeUndefined();
  });
});

describe('free ports', () => {
  it('are different, free, and outside the range that systems give out by themselves', async () => {
    const ports = await freePorts(6);
    expect(new Set(ports).size).toBe(6);
    expect(ports.every((port) => port >= 20_000 && port < 32_768)).toBe(true);
    expect(await Promise.all(ports.map(isFree))).toEqual(ports.map(() => true));
  });

  it('are told from taken ones', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    expect(await isFree((server.address() as AddressInfo).port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a real cluster', () => {
  it('starts, loses a broker, gets it back at its old address, and leaves nothing', async () => {
    const possible = available();
    if (!possible.ok) {
      process.stdout.write(`\nNOT RUN: Apache Kafka: ${possible.reason}\n`);
      expect(process.env['TIDEMARK_REQUIRE_KAFKA']).not.toBe('1');
      return;
    }
    const advertised = ['127.0.0.1:1001', '127.0.0.1:1002'];
    const kafka = await startKafka({ brokers: 2, listeners: { PROXY: advertised } });
    try {
      expect(kafka.version).toBe(possible.version);
      const ports = kafka.brokers.map((address) => Number(address.split(':')[1]));
      expect((await askCluster(ports[0] ?? 0))?.brokers).toEqual([1, 2]);

      const [further = ''] = kafka.listeners['PROXY'] ?? [];
      expect((await askCluster(Number(further.split(':')[1])))?.addresses).toEqual(advertised);
      expect((await askCluster(ports[0] ?? 0))?.addresses).toEqual(kafka.brokers);

      await kafka.kill(1);
      expect(await askCluster(ports[1] ?? 0)).toBeUndefined();
      await kafka.restart(1);
      expect((await askCluster(ports[1] ?? 0))?.brokers).toEqual([1, 2]);
      await expect(kafka.kill(2)).rejects.toThrow(RangeError);

      await kafka.stop();
      expect(await Promise.all(ports.map(isFree))).toEqual([true, true]);
    } finally {
      await kafka.stop();
    }
  }, 180_000);

  it('refuses a number of brokers that it cannot start', async () => {
    await expect(startKafka({ brokers: 0 })).rejects.toThrow('brokers: expected 1 to 5, got 0');
    await expect(startKafka({ brokers: 1.5 })).rejects.toThrow(RangeError);
  });

  it.each([
    [{ PLAINTEXT: ['a:1'] }, 'PLAINTEXT'],
    [{ proxy: ['a:1'] }, 'proxy'],
    [{ PROXY: [] }, 'expected 1 of host:port'],
    [{ PROXY: ['a'] }, 'expected 1 of host:port'],
  ])('refuses the listeners %j', async (listeners: Record<string, string[]>, message) => {
    await expect(startKafka({ listeners })).rejects.toThrow(message);
  });
});
