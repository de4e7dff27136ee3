import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { RoutingTable } from '@tidemark/control';
import { createKafkaClient, KafkaTopicAdmin, RouteTopic } from '@tidemark/kafka';
import { EmbeddedAws, RegionProbe } from '@tidemark/local-stack';
import { topicNames } from '@tidemark/protocol';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accepts } from './accepts.js';
import { freePort, RoleProcess } from './child-process.js';
import { type OutsideKafka } from './kafka-source.js';
import { until } from './until.js';
import { type RegionWorld, type Role, type World } from './world.js';

export interface ProcessWorldOptions {
  readonly kafka: OutsideKafka | undefined;
  readonly podsPerRegion: number;
  readonly adminPort: number;
}

const regionNames = ['us-east-1', 'eu-west-1'];
const leaseTable = 'tidemark-leases';

/** Each role in a process of its own, killed with SIGKILL; only the stand-in for AWS runs in this one. */
export async function startProcessWorld(options: ProcessWorldOptions): Promise<World> {
  const world = new ProcessWorld(options);
  try {
    await world.start();
    return world;
  } catch (error) {
    await world.stop();
    throw error;
  }
}

interface RegionProcesses {
  readonly roles: Map<Role, RoleProcess>;
  readonly others: RoleProcess[];
  readonly probe: RegionProbe;
}

class ProcessWorld implements World {
  readonly regions: RegionWorld[] = [];
  readonly #options: ProcessWorldOptions;
  readonly #aws = new EmbeddedAws({ regions: regionNames });
  readonly #folder = mkdtempSync(join(tmpdir(), 'tidemark-demo-'));
  readonly #run = randomBytes(3).toString('hex');
  readonly #processes = new Map<string, RegionProcesses>();

  constructor(options: ProcessWorldOptions) {
    this.#options = options;
    process.once('exit', () => this.#vanish());
  }

  get kafka(): string {
    return this.#options.kafka?.label ?? 'embedded';
  }

  get ownsKafka(): boolean {
    return this.#options.kafka?.owned ?? true;
  }

  async start(): Promise<void> {
    await this.#aws.start();
    await this.#aws.createGlobalTable('permissions');
    for (const [index, region] of regionNames.entries())
      await this.#startRegion(region, index === 0 ? this.#options.adminPort : 0);
  }

  topicPrefixOf = (region: string): string =>
    this.#options.kafka === undefined ? 'tidemark' : `tidemark-${region}-${this.#run}`;

  async kill(region: string, role: Role): Promise<void> {
    if (role === 'kafka' && this.#options.kafka !== undefined) return this.#options.kafka.kill();
    await this.#role(region, role).end('SIGKILL');
  }

  async restart(region: string, role: Role): Promise<void> {
    if (role === 'kafka' && this.#options.kafka !== undefined) return this.#options.kafka.restart();
    const process = this.#role(region, role);
    process.start();
    if (role !== 'kafka') await process.ready();
  }

  async quiesce(timeoutMs: number): Promise<void> {
    await this.#aws.drained({ timeoutMs });
    const at = Date.now();
    await until(
      'every region has caught up',
      () => Promise.resolve([...this.#processes.values()].every(({ probe }) => probe.behind(at).length === 0)),
      timeoutMs,
    );
  }

  /** Ids of every process, by name. */
  pids(): Readonly<Record<string, number | undefined>> {
    return Object.fromEntries(this.#everyProcess().map(({ name, pid }) => [name, pid]));
  }

  async stop(): Promise<void> {
    for (const { dynamodb } of this.regions) dynamodb.destroy();
    await Promise.allSettled([...this.#processes.values()].map(({ probe }) => probe.close()));
    const all = [...this.#processes.values()];
    await Promise.allSettled(
      all
        .flatMap(({ roles, others }) => [
          ...others,
          ...[...roles].filter(([role]) => role !== 'kafka').map(([, process]) => process),
        ])
        .map((process) => process.end('SIGTERM')),
    );
    await Promise.allSettled(all.map(async ({ roles }) => roles.get('kafka')?.end('SIGTERM')));
    await this.#aws.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #everyProcess(): readonly RoleProcess[] {
    return [...this.#processes.values()].flatMap(({ roles, others }) => [...roles.values(), ...others]);
  }

  /** However this process ends, nothing of the world outlives it. */
  #vanish(): void {
    for (const process of this.#everyProcess()) process.killNow();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #startRegion(region: string, wantedAdminPort: number): Promise<void> {
    await this.#aws.createTable(region, leaseTable, { hashKey: 'leaseKey' });
    const roles = new Map<Role, RoleProcess>();
    const brokers = await this.#startKafka(region, roles);
    const topicPrefix = this.topicPrefixOf(region);
    await addRoute(brokers, topicPrefix);
    const probe = new RegionProbe(region, brokers, topicPrefix, ['permissions']);
    const others: RoleProcess[] = [];
    this.#processes.set(region, { roles, others, probe });
    const env = this.#environment(region, brokers);
    roles.set('sync', await role(`sync ${region}`, '../../sync/dist/main.js', env.sync));
    roles.set('dispatcher', await role(`dispatcher ${region}`, '../../dispatcher/dist/main.js', env.common));
    const admin = await role(
      `admin ${region}`,
      '../../admin/dist/main.js',
      { ...env.common, TIDEMARK_TOPIC_REPLICATION_FACTOR: '1' },
      wantedAdminPort,
    );
    const pods = await Promise.all(
      Array.from({ length: this.#options.podsPerRegion }, (_, i) =>
        role(`pod ${region} ${i + 1}`, '../../example-service/dist/main.js', env.pod),
      ),
    );
    others.push(admin, ...pods);
    for (const process of [...roles.values(), ...others]) if (process.pid === undefined) process.start();
    await Promise.all(
      [...[...roles].filter(([name]) => name !== 'kafka').map(([, process]) => process), ...others].map((process) =>
        process.ready(),
      ),
    );
    await probe.open();
    this.regions.push({
      name: region,
      adminUrl: admin.url,
      pods: pods.map(({ url }) => url),
      dynamodb: new DynamoDBClient(this.#aws.dynamodbConfig(region)),
    });
  }

  async #startKafka(region: string, roles: Map<Role, RoleProcess>): Promise<readonly string[]> {
    const { kafka } = this.#options;
    if (kafka !== undefined) return kafka.brokers;
    const port = await freePort();
    const script = import.meta.resolve('@tidemark/local-stack').replace(/index\.js$/, 'kafka-main.js');
    const broker = new RoleProcess(`kafka ${region}`, new URL(script).pathname, {}, port, [
      '--port',
      String(port),
      '--data-dir',
      join(this.#folder, region),
    ]);
    roles.set('kafka', broker);
    broker.start();
    const address = `127.0.0.1:${port}`;
    await broker.ready(() => accepts(address));
    return [address];
  }

  #environment(
    region: string,
    brokers: readonly string[],
  ): {
    readonly common: Record<string, string>;
    readonly sync: Record<string, string>;
    readonly pod: Record<string, string>;
  } {
    const { dynamodbEndpoint, kinesisEndpoint, streamArn } = this.#aws.region(region);
    const common = {
      TIDEMARK_REGION: region,
      TIDEMARK_KAFKA_BROKERS: brokers.join(','),
      TIDEMARK_TOPIC_PREFIX: this.topicPrefixOf(region),
      TIDEMARK_LOG_LEVEL: 'warn',
    };
    const account = {
      AWS_ACCESS_KEY_ID: 'demo',
      AWS_SECRET_ACCESS_KEY: 'demo',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      TIDEMARK_DYNAMODB_ENDPOINT: dynamodbEndpoint,
    };
    const sync = {
      ...common,
      ...account,
      TIDEMARK_KINESIS_ENDPOINT: kinesisEndpoint,
      TIDEMARK_STREAM_ARN: streamArn,
      TIDEMARK_LEASE_TABLE: leaseTable,
      TIDEMARK_FAILOVER: '3s',
      TIDEMARK_POLL_INTERVAL: '200ms',
      TIDEMARK_TOPIC_REPLICATION_FACTOR: '1',
    };
    return { common, sync, pod: { ...common, ...account } };
  }

  #role(region: string, name: Role): RoleProcess {
    const process = this.#processes.get(region)?.roles.get(name);
    if (process === undefined) throw new Error(`no ${name} of ${region} runs here`);
    return process;
  }
}

async function role(
  name: string,
  script: string,
  env: Readonly<Record<string, string>>,
  wantedPort = 0,
): Promise<RoleProcess> {
  const port = wantedPort === 0 ? await freePort() : wantedPort;
  return new RoleProcess(name, script, { ...env, TIDEMARK_HTTP_PORT: String(port) }, port);
}

async function addRoute(brokers: readonly string[], topicPrefix: string): Promise<void> {
  const client = createKafkaClient({ brokers, clientId: 'demo' });
  const names = topicNames(topicPrefix);
  const routing = new RoutingTable({
    log: new RouteTopic({ client, names, create: { replicationFactor: 1 } }),
    topics: new KafkaTopicAdmin({ client, replicationFactor: 1 }),
    names,
  });
  await routing.open();
  await routing.put('permissions', [names.cache('permissions')], { ifMatch: 'none', actor: 'demo' });
  await routing.close();
}
