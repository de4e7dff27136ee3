import { createServer, type Server } from 'node:net';

/** Ports that are free now, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = [];
  for (let n = 0; n < count; n += 1) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
  }
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
