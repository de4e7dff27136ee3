import { type Clock, wait } from '@tidemark/runtime';

/** What a request failed with, as the admin API or the network says it. */
export class AdminRefusal extends Error {
  override readonly name = 'AdminRefusal';
  /** The API's `code`, or `UNREACHABLE`. */
  readonly code: string;
  /** Whether the same request may succeed later. */
  readonly retriable: boolean;
  /** The version that stands, where another one was expected. */
  readonly currentVersion: number | undefined;

  constructor(code: string, message: string, about: { readonly retriable: boolean; readonly currentVersion?: number }) {
    super(message);
    this.code = code;
    this.retriable = about.retriable;
    this.currentVersion = about.currentVersion;
  }
}

export interface AdminClientOptions {
  /** `http://127.0.0.1:8083`. */
  readonly url: string;
  readonly token?: string | undefined;
  /** For the record. Default: the API's own name for who does not say. */
  readonly actor?: string | undefined;
  readonly clock: Clock;
  /** Bound on one request, ms. Default 15,000. */
  readonly timeoutMs?: number;
  /** How long a change is sent again that reached an admin which takes none, ms. Default 20,000. */
  readonly patienceMs?: number;
}

export interface AdminRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below `/api/v1`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const retryMs = 1_000;

/** Sends requests to the admin API. Behind one address for several admins the next attempt may reach the one that takes changes, so each has its own connection. */
export class AdminClient {
  readonly #options: AdminClientOptions;

  constructor(options: AdminClientOptions) {
    this.#options = options;
  }

  /** The body of the answer. Fails with `AdminRefusal`. */
  async send(request: AdminRequest): Promise<unknown> {
    const { clock, patienceMs = 20_000 } = this.#options;
    const untilMs = clock.monotonicMs() + patienceMs;
    for (;;) {
      try {
        return await this.#sendOnce(request);
      } catch (error) {
        const again = error instanceof AdminRefusal && error.code === 'NOT_WRITER';
        if (!again || clock.monotonicMs() + retryMs > untilMs) throw error;
        await wait(clock, retryMs);
      }
    }
  }

  async #sendOnce({ method, path, headers = {}, body }: AdminRequest): Promise<unknown> {
    const { url, token, actor, timeoutMs = 15_000 } = this.#options;
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: {
          connection: 'close',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(actor === undefined ? {} : { 'x-tidemark-actor': actor }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'error',
      });
      text = await response.text();
    } catch (error) {
      throw new AdminRefusal('UNREACHABLE', `${url}: ${reasonOf(error)}`, { retriable: true });
    }
    const answer = parsed(text);
    if (response.ok && answer !== undefined) return answer;
    throw refusalOf(url, response.status, answer);
  }
}

function refusalOf(url: string, status: number, answer: unknown): AdminRefusal {
  const problem = (typeof answer === 'object' && answer !== null ? answer : {}) as Readonly<Record<string, unknown>>;
  const { code, detail, currentVersion } = problem;
  if (typeof code !== 'string' || typeof detail !== 'string')
    return new AdminRefusal('UNREACHABLE', `${url}: answered ${status}, not as an admin API does`, {
      retriable: status >= 500,
    });
  return new AdminRefusal(code, detail, {
    retriable: status >= 500 || status === 409,
    ...(typeof currentVersion === 'number' ? { currentVersion } : {}),
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** `fetch` hides what went wrong in its cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error instanceof Error ? error : new Error(String(error));
  if (!(cause instanceof Error)) return message;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  return [code, cause.message].filter((part) => part !== '').join(' ');
}
