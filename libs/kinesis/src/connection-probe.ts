import { type Readable } from 'node:stream';

/**
 * How to find out that whatever arrives from now on is not old. Over HTTP/2 the other end is pinged: its answer comes behind all that it had sent
 * before. HTTP/1.1, which emulators speak, has no such thing: there, the event loop goes round once, so all that had reached this machine is taken in.
 */
export function connectionProbe(body: Readable): () => Promise<void> {
  const session = sessionOf(body);
  return session === undefined ? loopTurn : () => pinged(session);
}

interface PingableSession {
  ping(callback: (error: Error | null) => void): boolean;
}

function sessionOf(body: Readable): PingableSession | undefined {
  const { session } = body as { readonly session?: Partial<PingableSession> };
  return typeof session?.ping === 'function' ? (session as PingableSession) : undefined;
}

function pinged(session: PingableSession): Promise<void> {
  return new Promise((resolve, reject) => {
    const isSent = session.ping((error) => (error === null ? resolve() : reject(error)));
    if (!isSent) reject(new Error('too many pings are unanswered'));
  });
}

/** What is ready for reading is read between one round of immediates and the next. */
async function loopTurn(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
