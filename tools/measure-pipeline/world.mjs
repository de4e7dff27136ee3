// The roles of one region as processes of their own, on an embedded AWS and on an embedded broker or brokers of Apache Kafka.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { RoutingTable } from '@tidemark/control';
import { createKafkaClient, KafkaTopicAdmin, RouteTopic } from '@tidemark/kafka';
import { topicNames } from '@tidemark/protocol';
import { startTree } from '../process-tree.mjs';
import { startKafka } from '../real-kafka.mjs';
import { freePorts, isFree } from '../real-kafka/ports.mjs';
import { startWatchdog } from '../watchdog.mjs';
import { root } from '../run/workspace.mjs';
import { until, wait } from './wait.mjs';

export const region = 'us-east-1';
/** The table of the example service, so that pods follow it. */
export const table = 'permissions';
const leaseTable = 'tidemark-leases';
const prefix = 'measured';
const readyMs = 120_000;
const endMs = 12_000;
const askMs = 20_000;
const tailMax = 20;

/** @typedef {'sync' | 'dispatcher' | 'admin' | 'pod'} Kind */
/** @typedef {{ script: string, args: readonly string[], env: Readonly<Record<string, string>>, port: number, child: import('node:child_process').ChildProcess | undefined, tail: string[] }} Role */
/** @typedef {{ dynamodbEndpoint: string, kinesisEndpoint: string, streamName: string, streamArn: string }} Address */

/** @type {Readonly<Record<Kind, string>>} */
const scripts = {
  sync: 'apps/sync/dist/main.js',
  dispatcher: 'apps/dispatcher/dist/main.js',
  admin: 'apps/admin/dist/main.js',
  pod: 'apps/example-service/dist/main.js',
};
const awsScript = fileURLToPath(new URL('./aws-main.mjs', import.meta.url));

/** Nothing of it outlives `stop()`, nor this process, however it ends. */
export class World {
  names = topicNames(prefix);
  /** @type {Map<string, Role>} */
  #roles = new Map();
  #folder = mkdtempSync(path.join(tmpdir(), 'tidemark-measure-'));
  #watchdog = startWatchdog();
  /** @type {Address | undefined} */
  #aws;
  /** @type {import('../real-kafka.d.mts').RealKafka | undefined} */
  real;
  /** @type {readonly string[]} */
  brokers = [];

  constructor() {
    this.#watchdog.remove(this.#folder);
  }

  /** @returns {Address} */
  get aws() {
    if (this.#aws === undefined) throw new Error('AWS has not been started');
    return this.#aws;
  }

  get copies() {
    return Math.min(3, this.brokers.length);
  }

  /** @param {number} shards */
  async startAws(shards) {
    const role = this.#add('aws', { script: awsScript, args: [region, table, leaseTable, String(shards)] });
    const child = this.#spawn('aws', role);
    const [address] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error(`AWS ended: ${role.tail.join('')}`))),
    ]);
    this.#aws = address;
  }

  /** The embedded broker, which keeps its records over `kill` and `start`. */
  async startKafka() {
    const [port = 0] = await freePorts(1);
    const script = path.join(root, 'libs/local-stack/dist/esm/kafka-main.js');
    this.#add('kafka', { script, args: ['--port', String(port), '--data-dir', path.join(this.#folder, 'kafka')] });
    this.brokers = [`127.0.0.1:${port}`];
    await this.start('kafka');
  }

  /** @param {number} count brokers of Apache Kafka */
  async startRealKafka(count) {
    this.real = await startKafka({ brokers: count });
    this.brokers = this.real.brokers;
  }

  /** Sends the table to its cache topic. @param {readonly string[]} more topics that are made as well */
  async addRoute(more = []) {
    const home = this.names.cache(table);
    // Brokers that have just started do not know every topic yet.
    if (more.length > 0) await until('the topics are there', () => this.#putRoute([home, ...more]), readyMs);
    await until('the route is there', () => this.#putRoute([home]), readyMs);
  }

  /** @param {readonly string[]} topics */
  async #putRoute(topics) {
    const client = createKafkaClient({ brokers: this.brokers, clientId: 'measure' });
    const create = { replicationFactor: this.copies };
    const routing = new RoutingTable({
      log: new RouteTopic({ client, names: this.names, create }),
      topics: new KafkaTopicAdmin({ client, ...create }),
      names: this.names,
    });
    try {
      await routing.open();
      const before = routing.list().find((route) => route.table === table);
      await routing.put(table, topics, { ifMatch: before?.version ?? 'none', actor: 'measure' });
      return true;
    } finally {
      await routing.close();
    }
  }

  /**
   * Starts a role; resolves when it is ready.
   * @param {string} name
   * @param {Kind} kind
   */
  async add(name, kind) {
    const [port = 0] = await freePorts(1);
    this.#add(name, { script: path.join(root, scripts[kind]), env: this.#environment(kind, port), port });
    await this.start(name);
  }

  /** Starts it again. @param {string} name */
  async start(name) {
    const role = this.#role(name);
    const child = this.#spawn(name, role);
    const isReady = () =>
      name === 'kafka' ? this.#brokerAnswers() : this.#text(name, '/health/ready').then(({ ok }) => ok);
    await until(
      `${name} is ready`,
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) return true;
        return isReady();
      },
      readyMs,
    ).catch((error) => Promise.reject(new Error(`${error.message}: ${role.tail.join('')}`)));
    if (child.exitCode !== null) throw new Error(`${name} ended: ${role.tail.join('')}`);
  }

  /** @param {string} name @param {NodeJS.Signals} [signal] */
  async kill(name, signal = 'SIGKILL') {
    const { child } = this.#role(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    const inTime = await Promise.race([ended.then(() => true), wait(endMs).then(() => false)]);
    if (!inTime) child.kill('SIGKILL');
    await ended;
  }

  pids() {
    return Object.fromEntries([...this.#roles].map(([name, { child }]) => [name, child?.pid]));
  }

  /** The sum of a metric over its labels; `undefined` where the role does not answer or has none. @param {string} name @param {string} metric */
  async metric(name, metric) {
    const answer = await this.#text(name, '/metrics').catch(() => undefined);
    const lines = answer?.text
      .split('\n')
      .filter((line) => line.startsWith(`${metric} `) || line.startsWith(`${metric}{`));
    if (lines === undefined || lines.length === 0) return undefined;
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** @param {string} name @param {string} route */
  async json(name, route) {
    const { ok, text } = await this.#text(name, route);
    if (!ok) throw new Error(`${name} answered to ${route}: ${text.slice(0, 300)}`);
    return JSON.parse(text);
  }

  /**
   * Resolves to what it answers, whatever that is; `undefined` where it does not.
   * @param {string} name @param {string} method @param {string} route @param {{ readonly headers?: Record<string, string>, readonly body?: unknown }} [sent]
   */
  async ask(name, method, route, { headers = {}, body } = {}) {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#role(name).port}${route}`, {
        ...{ method, headers: { 'content-type': 'application/json', ...headers } },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(askMs),
      });
      return { status: response.status, body: JSON.parse(await response.text()) };
    } catch {
      return undefined;
    }
  }

  async stop() {
    const names = [...this.#roles.keys()].filter((name) => name !== 'aws' && name !== 'kafka');
    await Promise.allSettled(names.map((name) => this.kill(name, 'SIGTERM')));
    await Promise.allSettled(['aws', 'kafka'].filter((name) => this.#roles.has(name)).map((name) => this.kill(name)));
    await this.real?.stop();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
    await this.#watchdog.close();
  }

  /** @param {string} name @param {{ script: string, args?: readonly string[], env?: Readonly<Record<string, string>>, port?: number }} what @returns {Role} */
  #add(name, { script, args = [], env = {}, port = 0 }) {
    const role = { script, args, env, port, child: undefined, tail: [] };
    this.#roles.set(name, role);
    return role;
  }

  /** @param {string} name @param {Role} role */
  #spawn(name, role) {
    const child = startTree(process.execPath, [role.script, ...role.args], {
      env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', ...role.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    role.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        role.tail.push(String(chunk));
        while (role.tail.length > tailMax) role.tail.shift();
      });
    if (child.pid === undefined) throw new Error(`${name} does not start`);
    return child;
  }

  /** @param {Kind} kind @param {number} port @returns {Record<string, string>} */
  #environment(kind, port) {
    const common = {
      TIDEMARK_REGION: region,
      TIDEMARK_KAFKA_BROKERS: this.brokers.join(','),
      TIDEMARK_TOPIC_PREFIX: prefix,
      TIDEMARK_LOG_LEVEL: 'warn',
      TIDEMARK_HTTP_PORT: String(port),
    };
    const copies = { TIDEMARK_TOPIC_REPLICATION_FACTOR: String(this.copies) };
    const account = {
      AWS_ACCESS_KEY_ID: 'measure',
      AWS_SECRET_ACCESS_KEY: 'measure',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      TIDEMARK_DYNAMODB_ENDPOINT: this.aws.dynamodbEndpoint,
    };
    if (kind === 'dispatcher') return common;
    if (kind === 'admin') return { ...common, ...copies };
    if (kind === 'pod') return { ...common, ...account };
    return {
      ...{ ...common, ...account, ...copies },
      TIDEMARK_KINESIS_ENDPOINT: this.aws.kinesisEndpoint,
      TIDEMARK_STREAM_ARN: this.aws.streamArn,
      TIDEMARK_LEASE_TABLE: leaseTable,
    };
  }

  /** @param {string} name */
  #role(name) {
    const role = this.#roles.get(name);
    if (role === undefined) throw new Error(`no ${name} runs here`);
    return role;
  }

  /** @param {string} name @param {string} route */
  async #text(name, route) {
    const response = await fetch(`http://127.0.0.1:${this.#role(name).port}${route}`, {
      signal: AbortSignal.timeout(10_000),
    });
    return { ok: response.ok, text: await response.text() };
  }

  async #brokerAnswers() {
    const { port } = new URL(`tcp://${this.brokers[0]}`);
    return !(await isFree(Number(port)));
  }
}
