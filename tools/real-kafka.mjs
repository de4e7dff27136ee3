// A real Apache Kafka cluster on this machine, for tests and the demo. Needs Java 17 or newer, and Maven the first time.
// As a program: node tools/real-kafka.mjs [--brokers N] prints one line of JSON and stays until Ctrl-C; --check says
// whether it could.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Broker } from './real-kafka/broker.mjs';
import { available, classPath, kafkaVersion } from './real-kafka/distribution.mjs';
import { askCluster } from './real-kafka/handshake.mjs';
import { freePorts } from './real-kafka/ports.mjs';
import { startWatchdog } from './watchdog.mjs';

export { available };

const brokersMax = 5;
const startAttemptsMax = 3;
const readyTimeoutMs = 120_000;
const askAgainMs = 50;

/**
 * Starts brokers that are controllers too (KRaft), with their ports and data their own. Resolves when every broker
 * answers clients and knows all the others. Nothing outlives `stop()`, nor this process, however it ends.
 * @param {import('./real-kafka.d.mts').RealKafkaOptions} [options]
 * @returns {Promise<import('./real-kafka.d.mts').RealKafka>}
 */
export async function startKafka({
  brokers: count = 1,
  properties = {},
  listeners = {},
  scramUsers = [],
  racks = [],
} = {}) {
  if (!Number.isInteger(count) || count < 1 || count > brokersMax) {
    throw new RangeError(`brokers: expected 1 to ${brokersMax}, got ${count}`);
  }
  checkListeners(listeners, count);
  if (racks.length > 0 && racks.length !== count) {
    throw new RangeError(`racks: expected none, or one for each of ${count} brokers, got ${racks.join(', ')}`);
  }
  const possible = available();
  if (!possible.ok) throw new Error(`Apache Kafka cannot run here: ${possible.reason}`);
  const jars = await classPath();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startCluster(count, { properties, listeners, scramUsers, racks }, jars);
    } catch (error) {
      // A port may be taken between the moment it was found free and the moment the broker binds it.
      if (attempt === startAttemptsMax || !String(error).includes('Address already in use')) throw error;
    }
  }
}

/**
 * @param {number} count
 * @param {Required<Pick<import('./real-kafka.d.mts').RealKafkaOptions, 'properties' | 'listeners' | 'scramUsers' | 'racks'>>} asked
 * @param {string} jars
 * @returns {Promise<import('./real-kafka.d.mts').RealKafka>}
 */
async function startCluster(count, { properties, listeners, scramUsers, racks }, jars) {
  const watchdog = startWatchdog();
  const folder = await mkdtemp(path.join(tmpdir(), 'tidemark-kafka-data-'));
  watchdog.remove(folder);
  const names = Object.keys(listeners);
  const ports = await freePorts((2 + names.length) * count);
  const portsOf = new Map(names.map((name, n) => [name, ports.slice((2 + n) * count, (3 + n) * count)]));
  const brokers = brokerProperties(ports.slice(0, 2 * count), { portsOf, listeners, racks }, properties).map(
    (all, index) =>
      new Broker({ id: index + 1, port: ports[index] ?? 0, classPath: jars, folder, properties: all, watchdog }),
  );
  const stop = async () => {
    await Promise.all(brokers.map((broker) => broker.kill('SIGKILL')));
    await rm(folder, { recursive: true, force: true });
    await watchdog.close();
  };
  const at = (/** @type {number} */ index) => {
    const broker = brokers[index];
    if (broker === undefined) throw new RangeError(`broker: expected 0 to ${count - 1}, got ${index}`);
    return broker;
  };
  try {
    const clusterId = randomClusterId();
    await Promise.all(brokers.map((broker) => broker.format(clusterId, scramUsers)));
    for (const broker of brokers) broker.start();
    await whenReady(brokers);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    version: kafkaVersion,
    brokers: brokers.map((broker) => `127.0.0.1:${broker.port}`),
    listeners: Object.fromEntries([...portsOf].map(([name, own]) => [name, own.map((port) => `127.0.0.1:${port}`)])),
    async kill(index, signal = 'SIGKILL') {
      await at(index).kill(signal);
    },
    async restart(index) {
      const broker = at(index);
      await broker.kill('SIGKILL');
      broker.start();
      await whenReady(brokers.filter((other) => other.isRunning));
    },
    stop,
  };
}

/**
 * @param {readonly number[]} ports for clients, then as many for controllers
 * @param {{ portsOf: ReadonlyMap<string, readonly number[]>, listeners: Readonly<Record<string, readonly string[]>>, racks: readonly string[] }} further
 * @param {Readonly<Record<string, string | number | boolean>>} properties of the caller, which win
 */
function brokerProperties(ports, { portsOf, listeners, racks }, properties) {
  const count = ports.length / 2;
  const controllers = ports.slice(count);
  const copies = Math.min(3, count);
  const names = [...portsOf.keys()];
  const bound = (/** @type {number} */ index) =>
    names.map((name) => `,${name}://127.0.0.1:${portsOf.get(name)?.[index]}`);
  const advertised = (/** @type {number} */ index) =>
    names.map((name) => `,${name}://${listeners[name]?.[index]?.replace(/:0$/, `:${portsOf.get(name)?.[index]}`)}`);
  return ports.slice(0, count).map((port, index) => ({
    'process.roles': 'broker,controller',
    'node.id': index + 1,
    'controller.quorum.voters': controllers.map((controller, i) => `${i + 1}@127.0.0.1:${controller}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': ['PLAINTEXT', 'CONTROLLER', ...names]
      .map((name) => `${name}:PLAINTEXT`)
      .join(','),
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllers[index]}${bound(index).join('')}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}${advertised(index).join('')}`,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    // A killed broker may come back only when its session has ended: nine seconds by default.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': false,
    ...inRack(racks[index]),
    ...properties,
  }));
}

/** @param {string | undefined} rack */
function inRack(rack) {
  if (rack === undefined) return {};
  return {
    'broker.rack': rack,
    'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
  };
}

/**
 * @param {Readonly<Record<string, readonly string[]>>} listeners
 * @param {number} count of brokers
 */
function checkListeners(listeners, count) {
  for (const [name, advertised] of Object.entries(listeners)) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(name) || ['PLAINTEXT', 'CONTROLLER'].includes(name)) {
      throw new RangeError(`listeners: expected names in capitals but PLAINTEXT and CONTROLLER, got ${name}`);
    }
    if (advertised.length !== count || !advertised.every((address) => /^[A-Za-z0-9.-]+:\d{1,5}$/.test(address))) {
      throw new RangeError(`listeners: ${name}: expected ${count} of host:port, got ${advertised.join(', ')}`);
    }
  }
}

/** Kafka's way to write 16 random bytes; one that began with a dash would look like an option. */
function randomClusterId() {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/**
 * Resolves when each of these brokers answers and lists them all.
 * @param {readonly Broker[]} brokers
 */
async function whenReady(brokers) {
  const deadlineMs = Date.now() + readyTimeoutMs;
  for (const broker of brokers) {
    while (!knowsAll(await askCluster(broker.port), brokers)) {
      const dead = brokers.find((other) => !other.isRunning);
      if (dead === undefined && Date.now() < deadlineMs) {
        await new Promise((resolve) => setTimeout(resolve, askAgainMs));
        continue;
      }
      const what = dead === undefined ? `is not ready after ${readyTimeoutMs / 1000} s` : 'has ended';
      throw new Error(`broker ${(dead ?? broker).id} ${what}: ${await (dead ?? broker).lastWords()}`);
    }
  }
}

/**
 * @param {{ brokers: number[], controller: number } | undefined} cluster
 * @param {readonly Broker[]} brokers
 */
function knowsAll(cluster, brokers) {
  return cluster !== undefined && cluster.controller >= 0 && brokers.every(({ id }) => cluster.brokers.includes(id));
}

async function main() {
  const { values } = parseArgs({ options: { brokers: { type: 'string', default: '1' }, check: { type: 'boolean' } } });
  if (values.check) {
    const possible = available();
    console.log(possible.ok ? `Apache Kafka ${possible.version} can run here` : possible.reason);
    process.exit(possible.ok ? 0 : 1);
  }
  let interrupted = false;
  /** @type {import('./real-kafka.d.mts').RealKafka | undefined} */
  let kafka;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // The watchdog clears away whatever is still starting.
      if (kafka === undefined || interrupted) process.exit(0);
      interrupted = true;
      void kafka.stop().then(() => process.exit(0));
    });
  }
  kafka = await startKafka({ brokers: Number(values.brokers) });
  console.log(JSON.stringify({ version: kafka.version, brokers: kafka.brokers }));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
