import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, ManualClock } from '@tidemark/runtime/testing';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { TcpProxy, type TcpProxyOptions } from './tcp-proxy.js';

/** A client of the proxy, and what it has heard. */
interface Client {
  readonly socket: Socket;
  text: string;
  error: string | undefined;
  isClosed: boolean;
  hasEnd: boolean;
}

const closers: (() => unknown)[] = [];
let received = '';
let target: Server;
let serverSockets: Socket[] = [];

beforeEach(async () => {
  received = '';
  serverSockets = [];
  target = createServer((socket) => {
    serverSockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      socket.write(bytes);
    });
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  for (const socket of serverSockets) socket.destroy();
  await new Promise((resolve) => target.close(resolve));
});

async function proxyOf(options: TcpProxyOptions = {}): Promise<TcpProxy> {
  const { port } = target.address() as AddressInfo;
  const proxy = await TcpProxy.start({ target: { host: '127.0.0.1', port }, ...options });
  closers.push(() => proxy.close());
  return proxy;
}

function clientOf({ port }: TcpProxy): Client {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const client: Client = { socket, text: '', error: undefined, isClosed: false, hasEnd: false };
  socket.on('data', (bytes) => (client.text += bytes.toString('latin1')));
  socket.on('error', (error: NodeJS.ErrnoException) => (client.error = error.code));
  socket.on('end', () => (client.hasEnd = true));
  socket.on('close', () => (client.isClosed = true));
  closers.push(() => socket.destroy());
  return client;
}

/** A client whose connection has reached the target. */
async function connected(proxy: TcpProxy): Promise<Client> {
  const client = clientOf(proxy);
  const before = client.text.length;
  client.socket.write('.');
  await eventually('the first echo', () => client.text.length > before);
  return client;
}

const hears = (client: Client, text: string): Promise<void> =>
  eventually(`hears ${text.slice(0, 20)}`, () => client.text.endsWith(text));

describe('the proxy without a fault', () => {
  it('passes bytes and ends on in both directions', async () => {
    const client = await connected(await proxyOf());
    client.socket.end('last');
    await hears(client, 'last');
    await eventually('the end', () => client.hasEnd && client.isClosed);
    expect(client.error).toBeUndefined();
    expect(received).toBe('.last');
  });

  it('tells the client when the target breaks the connection', async () => {
    const client = await connected(await proxyOf());
    serverSockets[0]?.resetAndDestroy();
    await eventually('broken', () => client.isClosed);
    expect(client.error).toBe('ECONNRESET');
  });

  it('resets connections until it has a target, and follows a new one', async () => {
    const proxy = await TcpProxy.start();
    closers.push(() => proxy.close());
    const early = clientOf(proxy);
    await eventually('refused', () => early.isClosed);
    proxy.retarget({ host: '127.0.0.1', port: (target.address() as AddressInfo).port });
    const client = await connected(proxy);
    expect(client.text).toBe('.');
  });

  it('resets a client whose target refuses', async () => {
    const proxy = await TcpProxy.start({ target: { host: '127.0.0.1', port: 1 } });
    closers.push(() => proxy.close());
    const client = clientOf(proxy);
    await eventually('refused', () => client.isClosed);
    expect(proxy.connections).toBe(0);
  });

  it.each([
    [{ bufferBytesMax: 0 }, 'bufferBytesMax'],
    [{ bufferBytesMax: NaN }, 'bufferBytesMax'],
  ])('refuses %j', async (options, option) => {
    await expect(TcpProxy.start(options)).rejects.toMatchObject({ code: 'INVALID_OPTIONS', context: { option } });
  });
});

describe('latency', () => {
  it('holds bytes for as long in each direction', async () => {
    const clock = new ManualClock();
    const proxy = await proxyOf({ clock });
    const client = await connected(proxy);
    proxy.latency(100);
    client.socket.write('a');
    await eventually('held on its way up', () => proxy.heldBytes === 1);
    await clock.advance(99);
    expect(received).toBe('.');
    await clock.advance(1);
    await eventually('held on its way down', () => received === '.a' && proxy.heldBytes === 1);
    expect(client.text).toBe('.');
    await clock.advance(100);
    await hears(client, 'a');
  });

  it('reorders nothing, whatever the jitter', async () => {
    const proxy = await proxyOf({ seed: 7 });
    const client = await connected(proxy);
    proxy.latency(0, 20);
    const text = Array.from({ length: 50 }, (_, i) => `<${i}>`).join('');
    for (const piece of text.match(/<\d+>/g) ?? []) {
      client.socket.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await hears(client, text);
  });

  it('draws the same jitter from the same seed, and another from another', async () => {
    const delaysOf = async (seed: number): Promise<readonly number[]> => {
      const clock = new ManualClock();
      const proxy = await proxyOf({ clock, seed });
      const client = await connected(proxy);
      const before = received.length;
      proxy.latency(0, 1_000);
      proxy.stall('down');
      const delays: number[] = [];
      for (let n = 1; n <= 4; n += 1) {
        client.socket.write('x');
        await eventually('held', () => proxy.heldBytes === n && clock.pending > 0);
        let waitedMs = 0;
        for (; received.length < before + n; waitedMs += 10) {
          await clock.advance(10);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        delays.push(waitedMs);
        await eventually('the echo is held', () => proxy.heldBytes === n);
      }
      return delays;
    };
    const [first, same, other] = [await delaysOf(3), await delaysOf(3), await delaysOf(4)];
    const differ = (a: readonly number[], b: readonly number[]): number =>
      Math.max(...a.map((ms, i) => Math.abs(ms - (b[i] ?? 0))));
    // An advance may be over before its bytes are seen on the other side.
    expect(differ(first, same)).toBeLessThan(differ(first, other));
  });
});

describe('a stall', () => {
  it('of one direction leaves the other alone, and loses nothing', async () => {
    const proxy = await proxyOf();
    const client = await connected(proxy);
    proxy.stall('down');
    client.socket.write('abc');
    await eventually('it came up', () => received === '.abc');
    await eventually('its echo is held', () => proxy.heldBytes === 3);
    expect(client.text).toBe('.');
    proxy.heal();
    await hears(client, 'abc');
  });

  it('meets connections that are made meanwhile', async () => {
    const proxy = await proxyOf();
    proxy.stall();
    const client = clientOf(proxy);
    client.socket.write('late');
    await eventually('held', () => proxy.heldBytes === 4);
    proxy.heal();
    await hears(client, 'late');
  });

  it('holds no more than its bound: the sender waits', async () => {
    const proxy = await proxyOf({ bufferBytesMax: 65_536 });
    const client = await connected(proxy);
    proxy.stall('up');
    const megabytes = 16;
    for (let n = 0; n < megabytes; n += 1) client.socket.write(Buffer.alloc(1_048_576, 'x'));
    await eventually('the bound is reached', () => proxy.heldBytes >= 65_536);
    const written = (): number => client.socket.bytesWritten - client.socket.writableLength;
    let last = -1;
    await eventually('nothing more is taken', () => {
      const stands = written() === last;
      last = written();
      return stands;
    });
    // One read of a socket is 64 KiB at most.
    expect(proxy.heldBytes).toBeLessThanOrEqual(65_536 + 65_536);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    proxy.heal();
    await eventually('all came through', () => client.text.length === megabytes * 1_048_576 + 1, 30_000);
  });
});

describe('broken connections', () => {
  it('of a reset are told to both sides, and new ones are served', async () => {
    const proxy = await proxyOf();
    const client = await connected(proxy);
    proxy.reset();
    await eventually('both know', () => client.isClosed && serverSockets[0]?.destroyed === true);
    expect(client.error).toBe('ECONNRESET');
    await connected(proxy);
  });

  it('of a cut are not made again before it is healed', async () => {
    const proxy = await proxyOf();
    const client = await connected(proxy);
    proxy.cut();
    const next = clientOf(proxy);
    await eventually('both are broken', () => client.isClosed && next.isClosed);
    expect(serverSockets).toHaveLength(1);
    proxy.heal();
    await connected(proxy);
    expect(proxy.accepted).toBe(2);
  });

  it('half open: the server’s side is gone, the client sends into nothing until it is healed', async () => {
    const proxy = await proxyOf();
    const client = await connected(proxy);
    proxy.halfOpen();
    await eventually('the server knows', () => serverSockets[0]?.destroyed === true);
    client.socket.write('lost');
    const other = await connected(proxy);
    expect(client.isClosed).toBe(false);
    expect(proxy.heldBytes).toBe(0);
    proxy.heal();
    await eventually('the client is told', () => client.isClosed);
    expect(client.error).toBe('ECONNRESET');
    expect(other.isClosed).toBe(false);
    expect(received).not.toContain('lost');
  });
});
