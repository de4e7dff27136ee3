import { connect, createServer } from 'node:net';

const objectsAtOnce = 200;

/** Leaks some 100 KiB of memory, a timer and a socket every `everyMs`, to show that it is found. */
export function plantLeak(everyMs: number): void {
  const kept: unknown[] = [];
  const server = createServer((socket) => kept.push(socket));
  server.listen(0, '127.0.0.1');
  setInterval(() => {
    for (let n = 0; n < objectsAtOnce; n += 1) kept.push({ numbers: Array.from({ length: 50 }, () => Math.random()) });
    kept.push(setInterval(() => undefined, 3_600_000));
    const address = server.address();
    if (address !== null && typeof address !== 'string') kept.push(connect(address.port, address.address));
  }, everyMs);
}
