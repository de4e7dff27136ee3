import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { createKafkaClient, type KafkaClient } from '@tidemark/kafka';
import { EmbeddedAws, seedFor, TcpProxy } from '@tidemark/local-stack';
import { topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EventWitness } from '../history/event-witness.js';
import { HistoryLog } from '../history/history-log.js';
import { type Link, links, type LinkService, type Role, roles } from '../plan/step.js';
import { maxStalenessMs, table } from '../pod-protocol.js';
import { ApacheBroker } from './apache-broker.js';
import { ChaosProcess } from './chaos-process.js';
import { type Controlled } from './controlled.js';
import { freePorts } from './free-ports.js';
import { PodProcess } from './pod-process.js';
import { type RealKafka, startKafka } from './real-kafka.mjs';
import { RouteMover } from './route-mover.js';
import { leakVariable } from './watch-protocol.js';

export const region = 'us-east-1';
export const topicPrefix = 'chaos';
export const leaseTable = 'chaos-leases';

/** From `src` and from `dist` alike. */
const root = fileURLToPath(new URL('../../../..', import.meta.url));
const watch = path.join(root, 'test/chaos/dist/watch-main.js');

const startTimeoutMs = 60_000;
const answerMs = 2_000;
const leakEveryMs = 5_000;

export interface ChaosWorldOptions {
  readonly seed: number;
  /** Default `embedded`. */
  readonly kafka?: 'embedded' | 'apache';
  /** A service in which a slow leak is planted. */
  readonly leaking?: string | undefined;
}

/**
 * One region: pods, workers, dispatchers and admins as processes, a broker as another, and AWS in this one. Each role reaches each service by a
 * proxy of its own.
 */
export class ChaosWorld {
  readonly aws: EmbeddedAws;
  readonly pods: readonly PodProcess[];
  readonly dynamodb: DynamoDBClient;
  readonly kinesis: KinesisClient;
  readonly kafka: KafkaClient;
  readonly mover: RouteMover;
  readonly #processes = new Map<Role, Controlled>();
  readonly #httpPorts = new Map<Role, number>();
  readonly #proxies: ReadonlyMap<string, TcpProxy>;
  readonly #broker: string;
  readonly #folder: string;
  readonly #apache: RealKafka | undefined;
  readonly #leaking: string | undefined;
  #witness: EventWitness | undefined;
  /** What the next scenario records into; pods that live go over from one to the next. */
  #log = new HistoryLog();

  private constructor(parts: {
    readonly aws: EmbeddedAws;
    readonly proxies: ReadonlyMap<string, TcpProxy>;
    readonly ports: readonly number[];
    readonly folder: string;
    readonly apache: RealKafka | undefined;
    readonly leaking: string | undefined;
    readonly onLog: (log: () => HistoryLog) => void;
  }) {
    const { aws, proxies, ports, folder, apache } = parts;
    this.aws = aws;
    this.#proxies = proxies;
    this.#folder = folder;
    this.#apache = apache;
    this.#leaking = parts.leaking;
    const [brokerPort = 0, ...rest] = ports;
    this.#broker = apache?.brokers[0] ?? `127.0.0.1:${brokerPort}`;
    parts.onLog(() => this.#log);
    if (apache === undefined) this.#makeKafka(brokerPort, rest);
    else this.#processes.set('kafka', new ApacheBroker(apache));
    this.#aimProxies(rest);
    for (const [index, role] of roles.entries()) {
      const port = rest[links.length + index] ?? 0;
      this.#httpPorts.set(role, port);
      if (role.startsWith('sync'))
        this.#makeService(role, 'sync', { ...this.#syncEnv(role), TIDEMARK_HTTP_PORT: String(port) });
      if (role.startsWith('dispatcher'))
        this.#makeService(role, 'dispatcher', { ...this.#env(role), TIDEMARK_HTTP_PORT: String(port) });
      if (role.startsWith('admin')) {
        const alone = { TIDEMARK_HTTP_PORT: String(port), TIDEMARK_TOPIC_REPLICATION_FACTOR: '1' };
        this.#makeService(role, 'admin', { ...this.#env(role), ...alone });
      }
    }
    this.pods = roles.filter((role) => role.startsWith('pod')).map((role) => this.#makePod(role));
    this.dynamodb = new DynamoDBClient(aws.dynamodbConfig(region));
    this.kinesis = new KinesisClient(aws.kinesisConfig(region));
    this.kafka = createKafkaClient({ brokers: [this.#broker], clientId: 'chaos' });
    const home = topicNames(topicPrefix).cache(table);
    const admins = roles.filter((role) => role.startsWith('admin'));
    const urls = admins.map((role) => `http://127.0.0.1:${this.#httpPorts.get(role)}`);
    this.mover = new RouteMover({ urls, table, topics: [home, `${home}.away`] });
  }

  /** Resolves when every role is ready. `stop` it. */
  static async start({ seed, kafka = 'embedded', leaking }: ChaosWorldOptions): Promise<ChaosWorld> {
    let log: () => HistoryLog | undefined = () => undefined;
    const aws = new EmbeddedAws({ regions: [region], seed, shardCount: 2, onWrite: (write) => log()?.applied(write) });
    const folder = mkdtempSync(path.join(tmpdir(), 'tidemark-chaos-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
    await aws.start();
    await aws.createGlobalTable(table);
    await aws.createTable(region, leaseTable, { hashKey: 'leaseKey' });
    const proxies = new Map<string, TcpProxy>();
    for (const link of links) proxies.set(nameOf(link), await TcpProxy.start({ seed: seedFor(seed, nameOf(link)) }));
    const ports = await freePorts(1 + links.length + roles.length);
    const apache = kafka === 'apache' ? await startApache(proxies) : undefined;
    const world = new ChaosWorld({
      ...{ aws, proxies, ports, folder, apache, leaking },
      onLog: (current) => (log = current),
    });
    try {
      await world.#begin();
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  get witness(): EventWitness {
    if (this.#witness === undefined) throw new Error('the world has not started');
    return this.#witness;
  }

  get log(): HistoryLog {
    return this.#log;
  }

  /** The pods that live are the first of a new history. */
  newHistory(): void {
    this.#log = new HistoryLog();
    for (const pod of this.pods) if (pod.process.isRunning) this.#log.podStarted(pod.life, region);
  }

  proxy(link: Link): TcpProxy {
    const proxy = this.#proxies.get(nameOf(link));
    if (proxy === undefined) throw new RangeError(`no link ${nameOf(link)}`);
    return proxy;
  }

  process(role: Role): Controlled {
    const process = this.#processes.get(role);
    if (process === undefined) throw new RangeError(`no role ${role}`);
    return process;
  }

  start(role: Role): void {
    const pod = this.#podOf(role);
    if (pod === undefined) this.process(role).start();
    else pod.start();
  }

  async end(role: Role, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const pod = this.#podOf(role);
    await (pod === undefined ? this.process(role).end(signal) : pod.end(signal));
  }

  /**
   * Why a process does not work, `undefined` where it does: a pod that is live and has everything from before `since` (ms since the epoch;
   * default 4 s ago), a broker that accepts, a worker that says so.
   */
  async whyNotReady(role: Role, since = Date.now() - maxStalenessMs): Promise<string | undefined> {
    const process = this.process(role);
    if (!process.isRunning) return 'not running';
    if (process.isPaused) return 'stands still';
    if (role === 'kafka') return (await accepts(this.#broker)) ? undefined : 'accepts no connection';
    const pod = this.#podOf(role);
    return pod === undefined
      ? whyUnready(`http://127.0.0.1:${this.#httpPorts.get(role)}/health/ready`)
      : whyBehind(pod, since);
  }

  async stop(): Promise<void> {
    for (const proxy of this.#proxies.values()) proxy.heal();
    for (const process of this.#processes.values()) process.resume();
    await this.mover.close();
    await this.#witness?.close();
    const others = roles.filter((role) => role !== 'kafka');
    await Promise.all(others.map((role) => this.end(role, 'SIGTERM')));
    await (this.#apache === undefined ? this.end('kafka', 'SIGTERM') : this.#apache.stop());
    this.dynamodb.destroy();
    this.kinesis.destroy();
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
    await this.aws.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #begin(): Promise<void> {
    if (this.#apache === undefined) this.start('kafka');
    await eventually('the broker accepts', () => this.#isReady('kafka'), startTimeoutMs);
    this.start('admin-1');
    await this.mover.create().catch((error: unknown) => this.#blame('admin-1', error));
    for (const role of roles) if (role !== 'kafka' && role !== 'admin-1') this.start(role);
    for (const role of roles) {
      await eventually(`${role} is ready`, () => this.#isReady(role), startTimeoutMs).catch((error: unknown) =>
        this.#blame(role, error),
      );
    }
    this.#witness = await EventWitness.open(this.kafka, topicNames(topicPrefix));
  }

  async #isReady(role: Role): Promise<boolean> {
    return (await this.whyNotReady(role)) === undefined;
  }

  /** With the end of what it wrote. */
  #blame(role: Role, error: unknown): never {
    throw new Error(`${String(error)}: ${this.process(role).tail}`);
  }

  #makeKafka(port: number, listenerPorts: readonly number[]): void {
    const listeners = linksToKafka.flatMap((link, n) => [
      '--listener',
      `${listenerPorts[n]}=${this.proxy(link).address}`,
    ]);
    const args = ['--port', String(port), '--data-dir', path.join(this.#folder, 'kafka'), ...listeners];
    const script = path.join(root, 'libs/local-stack/dist/esm/kafka-main.js');
    this.#processes.set('kafka', new ChaosProcess({ name: 'kafka', script, watch, argumentsOf: () => args }));
  }

  #aimProxies(listenerPorts: readonly number[]): void {
    const { dynamodbEndpoint, kinesisEndpoint } = this.aws.region(region);
    const apache = this.#apache?.listeners;
    for (const link of links) {
      const listener = apache?.[listenerOf(link)]?.[0] ?? `127.0.0.1:${listenerPorts[linksToKafka.indexOf(link)]}`;
      const urls = { kafka: `tcp://${listener}`, dynamodb: dynamodbEndpoint, kinesis: kinesisEndpoint };
      const { hostname, port } = new URL(urls[link.to]);
      this.proxy(link).retarget({ host: hostname, port: Number(port) });
    }
  }

  #makeService(role: Role, app: 'sync' | 'dispatcher' | 'admin', env: Readonly<Record<string, string>>): void {
    const script = path.join(root, `apps/${app}/dist/main.js`);
    this.#processes.set(role, new ChaosProcess({ name: role, script, watch, env }));
  }

  #makePod(role: Role): PodProcess {
    const pod = new PodProcess({
      ...{ name: role, script: path.join(root, 'test/chaos/dist/pod-main.js'), watch },
      configuration: {
        ...{ region, topicPrefix },
        brokers: [this.#address(role, 'kafka')],
        dynamodbEndpoint: `http://${this.#address(role, 'dynamodb')}`,
      },
      witness: {
        podStarted: (life, of) => this.#log.podStarted(life, of),
        podEnded: (life) => this.#log.podEnded(life),
        podEvents: (life, events) => this.#log.podEvents(life, events),
      },
    });
    this.#processes.set(role, pod.process);
    return pod;
  }

  #env(role: Role): Readonly<Record<string, string>> {
    return {
      TIDEMARK_REGION: region,
      TIDEMARK_KAFKA_BROKERS: this.#address(role, 'kafka'),
      TIDEMARK_TOPIC_PREFIX: topicPrefix,
      TIDEMARK_LOG_LEVEL: 'warn',
      ...(role === this.#leaking ? { [leakVariable]: String(leakEveryMs) } : {}),
    };
  }

  #syncEnv(role: Role): Readonly<Record<string, string>> {
    return {
      ...this.#env(role),
      TIDEMARK_WORKER_ID: role,
      TIDEMARK_DYNAMODB_ENDPOINT: `http://${this.#address(role, 'dynamodb')}`,
      TIDEMARK_KINESIS_ENDPOINT: `http://${this.#address(role, 'kinesis')}`,
      TIDEMARK_STREAM_ARN: this.aws.region(region).streamArn,
      TIDEMARK_LEASE_TABLE: leaseTable,
      // A third of what is set in production, so that a run is not spent waiting.
      TIDEMARK_FAILOVER: '3s',
      TIDEMARK_POLL_INTERVAL: '200ms',
      TIDEMARK_TOPIC_REPLICATION_FACTOR: '1',
    };
  }

  #address(role: Role, to: LinkService): string {
    return this.proxy({ role, to }).address;
  }

  #podOf(role: Role): PodProcess | undefined {
    return this.pods.find(({ process }) => process.name === role);
  }
}

const linksToKafka = links.filter(({ to }) => to === 'kafka');

/** Of the broker, for the role alone. */
function listenerOf({ role }: Link): string {
  return role.toUpperCase().replaceAll('-', '_');
}

function startApache(proxies: ReadonlyMap<string, TcpProxy>): Promise<RealKafka> {
  const listeners = linksToKafka.map((link) => [listenerOf(link), [proxies.get(nameOf(link))?.address ?? '']] as const);
  return startKafka({ listeners: Object.fromEntries(listeners) });
}

function nameOf({ role, to }: Link): string {
  return `${role}/${to}`;
}

/** What a service says of itself, in its own words. */
async function whyUnready(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(answerMs) });
    const text = await answer.text();
    if (answer.status === 200) return undefined;
    const { detail } = JSON.parse(text) as { readonly detail?: { readonly reason?: string } };
    return `${answer.status}: ${detail?.reason ?? text}`;
  } catch (error) {
    const { name } = error as Error;
    return name === 'TimeoutError' ? `its health has not answered for ${answerMs} ms` : `no health: ${String(error)}`;
  }
}

async function whyBehind(pod: PodProcess, since: number): Promise<string | undefined> {
  if (!pod.isLive) return 'not live';
  const { told } = await pod.ask({ do: 'tell' });
  if (told?.state !== 'live') return `its state is ${told?.state}`;
  if (told.stalenessMs === null) return 'it has had no watermark';
  const missingMs = since - (Date.now() - told.stalenessMs);
  return missingMs < 0 ? undefined : `its watermark is ${Math.ceil(missingMs)} ms short`;
}

function accepts(address: string): Promise<boolean> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    const end = (isAccepted: boolean): void => {
      socket.destroy();
      resolve(isAccepted);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
