import { type Agent, request as httpRequest } from 'node:http';

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export const token = 'a-token-of-some-length';
/** Near misses of the token: none is it, whatever a mutation makes of the rest. */
export const misses: readonly string[] = [
  '',
  'Bearer ',
  'Bearer x',
  `Bearer ${token.slice(1)}`,
  `Basic ${token.slice(0, -1)}`,
  `bearer ${token}x`,
];
/** Stands in a route: whoever reads it was told something. */
export const secretTopic = 'tidemark.cache.only-for-those-who-may';
/** What answers without a token. */
export const openPaths: readonly string[] = ['/health/live', '/health/ready', '/health/leader', '/metrics'];

/** Throws where an answer to somebody without the token tells or does anything. */
export function expectNothingTold({ status, text }: Answer, path: string): void {
  if (status >= 500) throw new Error(`${status}: ${text}`);
  if (text.includes(secretTopic)) throw new Error('it tells the routes');
  const isOpen = openPaths.includes((path.split(/[?#]/)[0] ?? '').replace(/\/+$/, '').toLowerCase());
  if (status >= 200 && status < 300 && !isOpen) throw new Error(`${status} for ${path} without a token`);
}

/** `undefined`: no client of HTTP would send it. */
export async function ask(
  url: URL,
  sent: Sent,
  authorization: string | undefined,
  agent: Agent,
): Promise<Answer | undefined> {
  try {
    return await send(url, sent, authorization, agent);
  } catch {
    // The server may have closed the kept connection when the request came; on one of its own it must answer.
    return send(url, sent, authorization, undefined);
  }
}

function send(
  { hostname, port }: URL,
  { method, path, headers, body }: Sent,
  authorization: string | undefined,
  by: Agent | undefined,
): Promise<Answer | undefined> {
  const bytes = body === null ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const all = { ...headers, ...(authorization === undefined ? {} : { authorization }) };
  return new Promise((resolve, reject) => {
    try {
      const options = { agent: by ?? false, hostname, port, method, path, headers: all };
      const request = httpRequest(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.once('error', reject);
      });
      request.once('error', reject);
      request.end(bytes);
    } catch {
      resolve(undefined);
    }
  });
}
