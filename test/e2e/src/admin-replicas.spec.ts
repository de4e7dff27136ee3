import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EmbeddedKafka } from '@tidemark/local-stack';
import { eventually } from '@tidemark/runtime/testing';
import { root } from './run-command.js';

jest.setTimeout(180_000);

const [a, b] = ['tidemark.cache.a', 'tidemark.cache.b'];
/** A session of 6 s, and a join beside whatever else the machine does. */
const takeOverMs = 40_000;

/** The process of an admin. */
class AdminProcess {
  url = '';
  readonly child: ChildProcess;

  constructor(brokers: string) {
    this.child = spawn(process.execPath, ['apps/admin/dist/main.js'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'] ?? '',
        TIDEMARK_REGION: 'eu-west-1',
        TIDEMARK_KAFKA_BROKERS: brokers,
        TIDEMARK_TOPIC_REPLICATION_FACTOR: '1',
        TIDEMARK_HTTP_PORT: '0',
      },
    });
    let output = '';
    this.child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      this.url ||= /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? '';
    });
  }

  async status(path: string): Promise<number> {
    if (this.url === '') return 0;
    const response = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    await response?.arrayBuffer().catch(() => undefined);
    return response?.status ?? 0;
  }

  async leads(): Promise<boolean> {
    return (await this.status('/health/leader')) === 200;
  }

  /** The answer to a change, and its status. */
  async put(topic: string, version: number | undefined): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${this.url}/api/v1/routes/users`, {
      method: 'PUT',
      headers: {
        'content-type': 'application/json',
        ...(version === undefined ? { 'if-none-match': '*' } : { 'if-match': `"${version}"` }),
      },
      body: JSON.stringify({ topics: [topic] }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  async history(): Promise<readonly { readonly version: number; readonly operation: string | null }[]> {
    const response = await fetch(`${this.url}/api/v1/routes/users/history`);
    const { changes } = (await response.json()) as { changes: { version: number; operation: string | null }[] };
    return changes.map(({ version, operation }) => ({ version, operation }));
  }
}

describe('two admins', () => {
  const kafka = new EmbeddedKafka();
  const admins: AdminProcess[] = [];
  beforeEach(() => kafka.start());
  afterEach(async () => {
    for (const { child } of admins.splice(0)) child.kill('SIGKILL');
    await kafka.close();
  });

  const leaderOf = async (among: readonly AdminProcess[]): Promise<AdminProcess | undefined> => {
    const leading = await Promise.all(among.map((each) => each.leads()));
    const leaders = among.filter((_each, index) => leading[index] === true);
    return leaders.length === 1 ? leaders[0] : undefined;
  };
  const oneLeads = async (among: readonly AdminProcess[]): Promise<AdminProcess> => {
    let leader: AdminProcess | undefined;
    await eventually('one leads', async () => (leader = await leaderOf(among)) !== undefined, takeOverMs);
    if (leader === undefined) throw new Error('nobody leads');
    return leader;
  };
  const start = (): AdminProcess => {
    const admin = new AdminProcess(kafka.address);
    admins.push(admin);
    return admin;
  };
  const ready = (admin: AdminProcess): Promise<void> =>
    eventually('it is ready', async () => (await admin.status('/health/ready')) === 200, takeOverMs);

  const written = (admin: AdminProcess, puts: number): Promise<void> =>
    eventually(
      `${puts} puts are in the history`,
      async () => (await admin.history()).filter(({ operation }) => operation === 'put').length === puts,
      takeOverMs,
    );

  it('take over from one that stands still and from one that is killed, and lose neither change nor history', async () => {
    const pair = [start(), start()];
    for (const admin of pair) await ready(admin);
    const first = await oneLeads(pair);
    const second = pair[first === pair[0] ? 1 : 0] ?? first;
    expect(await first.put(a, undefined)).toMatchObject({ status: 201 });
    const refused = await second.put(b, 1);
    expect(refused).toMatchObject({ status: 503, body: { code: 'NOT_WRITER' } });
    expect(refused.body['leader']).toMatch(/^tidemark-admin@/);

    first.child.kill('SIGSTOP');
    await oneLeads([second]);
    expect(await second.put(b, 1)).toMatchObject({ status: 200, body: { version: 2 } });
    first.child.kill('SIGCONT');
    // It stood still with what it knew of version 1.
    expect((await first.put(a, 1)).status).not.toBe(200);
    const third = await oneLeads(pair);
    expect(await third.put(a, 2)).toMatchObject({ status: 200, body: { version: 3 } });

    // An entry is appended behind its change: an admin that dies in between takes it along.
    await written(third, 3);

    third.child.kill('SIGKILL');
    const last = await oneLeads(pair.filter((each) => each !== third));
    expect(await last.put(b, 3)).toMatchObject({ status: 200, body: { version: 4 } });
    await written(last, 4);
    expect((await last.history()).map(({ version }) => version)).toEqual([4, 3, 2, 1]);
  });
});
