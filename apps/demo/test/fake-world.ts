import { type AttributeValue, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Held, type Permission } from '../src/pod-client.js';
import { type World } from '../src/world.js';

/** Ways in which a world may be wrong. */
export interface Faults {
  /** `localPut` is seen in every pod. */
  readonly localPutLeaks?: boolean;
  /** `getMany` reads what L1 holds, too. */
  readonly getManyReadsAll?: boolean;
  /** Writes are overtaken by another writer's. */
  readonly supersedes?: boolean;
  /** Pods that a write was not waited for in. */
  readonly silent?: readonly string[];
  /** A get with a token reads what was there before any put. */
  readonly forgetsTokens?: boolean;
  /** Every pod loads for itself. */
  readonly loadsEverywhere?: boolean;
  /** `invalidate` empties the pods of all regions. */
  readonly invalidatesEverywhere?: boolean;
}

/** Two regions that agree at once: what is put is in both tables, and in every pod that holds the key, before the answer. */
export class FakeWorld {
  /** Of each region: item key → value as JSON. */
  readonly tables: readonly Map<string, string>[] = [new Map(), new Map()];
  readonly pods: readonly FakePod[];
  readonly faults: Faults;
  /** Write id → when it was asked for, ms since the epoch. */
  readonly writtenAt = new Map<string, number>();
  quiesced = 0;

  private constructor(podsPerRegion: number, faults: Faults) {
    this.faults = faults;
    this.pods = this.tables.flatMap((table) => Array.from({ length: podsPerRegion }, () => new FakePod(this, table)));
  }

  static async start(podsPerRegion: number, faults: Faults = {}): Promise<FakeWorld> {
    const world = new FakeWorld(podsPerRegion, faults);
    await Promise.all(world.pods.map((pod) => pod.listen()));
    return world;
  }

  /** As the demo sees it. */
  get world(): World {
    const perRegion = this.pods.length / this.tables.length;
    const regions = this.tables.map((table, i) => ({
      name: `region-${i}`,
      pods: this.pods.slice(i * perRegion, (i + 1) * perRegion).map(({ url }) => url),
      adminUrl: 'http://127.0.0.1:1',
      dynamodb: this.#client(table),
    }));
    return { ...emptyWorld(), regions, quiesce: async () => void (this.quiesced += 1) };
  }

  write(key: string, value: Permission): string {
    const writeId = `w${this.writtenAt.size + 1}`;
    this.writtenAt.set(writeId, performance.timeOrigin + performance.now());
    for (const table of this.tables) table.set(`permissions:${key}`, JSON.stringify(value));
    for (const pod of this.pods) if (pod.l1.has(key)) pod.l1.set(key, held(value, { writeId }));
    return writeId;
  }

  async stop(): Promise<void> {
    await Promise.all(this.pods.map((pod) => pod.close()));
  }

  /** A plain client of one region: gets from its table, and puts as a writer that knows nothing of Tidemark. */
  #client(table: ReadonlyMap<string, string>): DynamoDBClient {
    const send = async (command: unknown): Promise<unknown> => {
      if (command instanceof GetItemCommand) {
        const value = table.get(textOf(command.input.Key, 'key'));
        return value === undefined ? {} : { Item: { value: { S: value } } };
      }
      if (!(command instanceof PutItemCommand)) throw new TypeError('only GetItem and PutItem are faked');
      const key = textOf(command.input.Item, 'key');
      for (const each of this.tables) each.set(key, textOf(command.input.Item, 'value'));
      for (const pod of this.pods) pod.l1.delete(key.replace('permissions:', ''));
      return {};
    };
    return { send } as unknown as DynamoDBClient;
  }
}

function textOf(item: Readonly<Record<string, AttributeValue>> | undefined, name: string): string {
  return item?.[name]?.S ?? '';
}

/** A world of no regions. */
export function emptyWorld(): World {
  return {
    kafka: 'fake',
    regions: [],
    ownsKafka: true,
    topicPrefixOf: () => 'fake',
    kill: () => Promise.resolve(),
    restart: () => Promise.resolve(),
    quiesce: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  };
}

export function held(value: Permission, more: Partial<Held> = {}): Held {
  return { state: 'value', writeId: null, source: 'fill', value, ...more };
}

export const absent: Held = { state: 'absent', writeId: null, source: 'fill', value: null };

const nothing: Held = { state: 'none', writeId: null, source: null, value: null };

/** One pod over HTTP, with its L1 open to tests. */
export class FakePod {
  readonly l1 = new Map<string, Held>();
  /** When the pod says that it had a write, from when that was asked for; ms since the epoch. */
  sawAt: (askedAt: number, writeId: string) => number | null = (askedAt) => askedAt;
  readonly #world: FakeWorld;
  readonly #table: ReadonlyMap<string, string>;
  readonly #server: Server;
  readonly #stats = { hits: 0, misses: 0, fills: 0, loads: 0 };

  constructor(world: FakeWorld, table: ReadonlyMap<string, string>) {
    this.#world = world;
    this.#table = table;
    this.#server = createServer((request, response) => {
      void this.#answer(request).then((body) => {
        response.statusCode = body === undefined ? 404 : 200;
        response.end(JSON.stringify(body ?? { message: 'nothing there' }));
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage): Promise<unknown> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://pod');
    const [, ...parts] = pathname.split('/').map(decodeURIComponent);
    const ids = (searchParams.get('ids') ?? '').split(',').filter((id) => id !== '');
    const value = JSON.parse((await text(request)) || 'null') as Permission;
    const key = parts.find((_part, i) => parts[i - 1] === 'permissions') ?? '';
    const answers: Readonly<Record<string, () => unknown>> = {
      'GET /permissions': () => this.#many(ids),
      'GET /permissions/KEY': () =>
        this.#world.faults.forgetsTokens === true && request.headers['at-least'] !== undefined
          ? { roles: ['before'] }
          : this.#get(key),
      'PUT /permissions/KEY': () => this.#put(key, value),
      'POST /permissions/KEY/load': () => this.#load(key),
      'POST /permissions/KEY/invalidate': () => this.#invalidate(key),
      'DELETE /permissions/KEY': () => this.#delete(key),
      'GET /l1': () => ({ stalenessMs: 0, stats: { ...this.#stats } }),
      'GET /l1/permissions': () => Object.fromEntries(ids.map((id) => [id, this.l1.get(id) ?? nothing])),
      'GET /l1/permissions/KEY/until': () => ({ at: this.#seen(searchParams.get('writeId') ?? '') }),
      'PUT /l1/permissions/KEY': () => this.#localPut(key, value),
    };
    return answers[`${request.method} ${pathname.replace(/(permissions)\/[^/]+/, '$1/KEY')}`]?.();
  }

  #get(key: string): Permission | undefined {
    const entry = this.l1.get(key);
    if (entry !== undefined) {
      this.#stats.hits += 1;
      return entry.value ?? undefined;
    }
    this.#stats.misses += 1;
    this.#stats.fills += 1;
    const stored = this.#table.get(`permissions:${key}`);
    const value = stored === undefined ? undefined : (JSON.parse(stored) as Permission);
    this.l1.set(key, value === undefined ? absent : held(value));
    return value;
  }

  #many(keys: readonly string[]): Readonly<Record<string, Permission>> {
    if (this.#world.faults.getManyReadsAll === true) for (const key of keys) this.l1.delete(key);
    return Object.fromEntries(
      keys.flatMap((key) => {
        const value = this.#get(key);
        return value === undefined ? [] : [[key, value]];
      }),
    );
  }

  #put(key: string, value: Permission): unknown {
    if (this.#world.faults.supersedes === true) return { applied: false };
    const writeId = this.#world.write(key, value);
    this.l1.set(key, held(value, { writeId }));
    const visible = { pods: this.#region().length, silent: this.#world.faults.silent ?? [] };
    return { applied: true, writeId, token: writeId, visible };
  }

  #load(key: string): Permission {
    const value = { roles: ['loaded'] };
    if (this.#get(key) !== undefined && this.#world.faults.loadsEverywhere !== true) return value;
    this.#stats.loads += 1;
    this.#world.write(key, value);
    return value;
  }

  #invalidate(key: string): unknown {
    const pods = this.#world.faults.invalidatesEverywhere === true ? this.#world.pods : this.#region();
    for (const pod of pods) pod.l1.delete(key);
    return { invalidated: true };
  }

  #region(): readonly FakePod[] {
    return this.#world.pods.filter((pod) => pod.#table === this.#table);
  }

  #delete(key: string): unknown {
    for (const table of this.#world.tables) table.delete(`permissions:${key}`);
    for (const pod of this.#world.pods) pod.l1.delete(key);
    return { applied: true };
  }

  #localPut(key: string, value: Permission): unknown {
    const pods = this.#world.faults.localPutLeaks === true ? this.#world.pods : [this];
    for (const pod of pods) pod.l1.set(key, held(value, { source: 'local' }));
    return { local: true };
  }

  #seen(writeId: string): number | null {
    const askedAt = this.#world.writtenAt.get(writeId);
    return askedAt === undefined ? null : this.sawAt(askedAt, writeId);
  }
}
