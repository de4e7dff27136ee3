// Ports for servers that must keep their address over a restart.
import { randomInt } from 'node:crypto';
import net from 'node:net';

const first = 20_000;
const afterLast = 32_768;
const attemptsMax = 200;

/**
 * Free ports below the range from which systems take ports on their own (32768 and up on Linux): nobody who asks for
 * port 0, and no outgoing connection, takes one of these while its server restarts.
 * @param {number} count
 */
export async function freePorts(count) {
  /** @type {Set<number>} */
  const ports = new Set();
  for (let attempt = 0; ports.size < count; attempt += 1) {
    if (attempt === attemptsMax) throw new Error(`no ${count} free ports between ${first} and ${afterLast - 1}`);
    const port = randomInt(first, afterLast);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
export function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
