export interface Permission {
  readonly roles: readonly string[];
}

/** What a pod's L1 holds of one key. */
export interface Held {
  readonly state: 'value' | 'absent' | 'none';
  readonly writeId: string | null;
  readonly source: string | null;
  readonly value: Permission | null;
}

export interface Receipt {
  readonly applied: boolean;
  readonly writeId?: string;
  /** For a get that is not to be older. */
  readonly token?: string;
  /** Where it was waited for. */
  readonly visible?: { readonly pods: number; readonly silent: readonly string[] };
}

/** One pod of the example service, over HTTP. */
export class PodClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** `atLeast`: the token of a write; nothing older is answered. */
  get(appId: string, atLeast?: string): Promise<Permission | undefined> {
    const headers: Record<string, string> = atLeast === undefined ? {} : { 'at-least': atLeast };
    return this.#call<Permission>('GET', `/permissions/${encodeURIComponent(appId)}`, undefined, 404, headers);
  }

  async getMany(appIds: readonly string[]): Promise<Readonly<Record<string, Permission>>> {
    return (await this.#call('GET', `/permissions?ids=${encodeURIComponent(appIds.join(','))}`)) ?? {};
  }

  /** `visibleWithin`: waits until every pod of the region reads it, and fails when that takes longer. */
  async put(appId: string, roles: readonly string[], visibleWithin?: string): Promise<Receipt> {
    const query = visibleWithin === undefined ? '' : `?visibleWithin=${visibleWithin}`;
    const path = `/permissions/${encodeURIComponent(appId)}${query}`;
    return (await this.#call<Receipt>('PUT', path, { roles })) ?? { applied: false };
  }

  /** `getOrLoad`. */
  load(appId: string): Promise<Permission | undefined> {
    return this.#call<Permission>('POST', `/permissions/${encodeURIComponent(appId)}/load`);
  }

  async invalidate(appId: string): Promise<void> {
    await this.#call('POST', `/permissions/${encodeURIComponent(appId)}/invalidate`);
  }

  async delete(appId: string): Promise<void> {
    await this.#call('DELETE', `/permissions/${encodeURIComponent(appId)}`);
  }

  async localPut(appId: string, roles: readonly string[]): Promise<void> {
    await this.#call('PUT', `/l1/permissions/${encodeURIComponent(appId)}`, { roles });
  }

  async held(appIds: readonly string[]): Promise<Readonly<Record<string, Held>>> {
    return (await this.#call('GET', `/l1/permissions?ids=${encodeURIComponent(appIds.join(','))}`)) ?? {};
  }

  /** When L1 held the write, ms since the epoch; `null` when it did not in time. */
  async until(appId: string, writeId: string, timeoutMs: number): Promise<number | null> {
    const answer = await this.#call<{ at: number | null }>(
      'GET',
      `/l1/permissions/${encodeURIComponent(appId)}/until?writeId=${writeId}&timeoutMs=${timeoutMs}`,
    );
    return answer?.at ?? null;
  }

  async overview(): Promise<{
    readonly stalenessMs: number | null;
    readonly stats: { readonly hits: number; readonly misses: number; readonly fills: number; readonly loads: number };
  }> {
    const answer = await this.#call<Awaited<ReturnType<PodClient['overview']>>>('GET', '/l1');
    if (answer === undefined) throw new Error(`${this.url}/l1 answered nothing`);
    return answer;
  }

  /** The topic that the pod follows for the table, and whether all of it is live. */
  async followed(): Promise<{ readonly topic: string | null; readonly live: boolean } | undefined> {
    const answer = await this.#call<{
      details?: { tidemark?: { tables?: Record<string, { topic: string | null; live: boolean }> } };
    }>('GET', '/health/ready', undefined, 503);
    return answer?.details?.tidemark?.tables?.['permissions'];
  }

  async #call<T>(
    method: string,
    path: string,
    body?: unknown,
    missing?: number,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T | undefined> {
    const typed = { ...headers, 'content-type': 'application/json' };
    const response = await fetch(this.url + path, {
      method,
      signal: AbortSignal.timeout(10_000),
      ...(body === undefined ? { headers } : { headers: typed, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status === missing) return undefined;
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
    return text === '' ? undefined : (JSON.parse(text) as T);
  }
}
