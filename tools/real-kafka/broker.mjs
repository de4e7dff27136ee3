// One broker: its configuration, its disk and its process.
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const formatTimeoutMs = 150_000;
const leaveTimeoutMs = 10_000;
const ends = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']);

/**
 * @typedef {object} BrokerSetup
 * @property {number} id from 1
 * @property {number} port for clients
 * @property {string} classPath
 * @property {string} folder where its configuration, its log and its data go
 * @property {Record<string, string | number | boolean>} properties everything in its configuration but its folders
 * @property {{ kill(pid: number): void, spare(pid: number): void }} watchdog
 */

/** A broker keeps its id, port and data over any number of starts. */
export class Broker {
  /** @type {BrokerSetup} */
  #setup;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process;

  /** @param {BrokerSetup} setup */
  constructor(setup) {
    this.#setup = setup;
  }

  get id() {
    return this.#setup.id;
  }

  get port() {
    return this.#setup.port;
  }

  get isRunning() {
    return this.#process !== undefined;
  }

  /**
   * Writes the configuration and formats the disk.
   * @param {string} clusterId
   * @param {readonly { name: string, password: string }[]} scramUsers
   */
  async format(clusterId, scramUsers) {
    const properties = { ...this.#setup.properties, 'log.dirs': path.join(this.#setup.folder, `data-${this.id}`) };
    const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
    await writeFile(this.#configuration, `${lines.join('\n')}\n`);
    const users = scramUsers.flatMap(({ name, password }) => [
      '--add-scram',
      `SCRAM-SHA-512=[name=${name},password=${password}]`,
    ]);
    const args = this.#java('kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', this.#configuration, ...users);
    await promisify(execFile)('java', args, { timeout: formatTimeoutMs });
  }

  start() {
    if (this.#process !== undefined) throw new Error(`broker ${this.id} is running`);
    const log = openSync(this.#log, 'a');
    const args = this.#java('kafka.Kafka', this.#configuration);
    const child = spawn('java', args, { detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#process = child;
    const { pid } = child;
    if (pid !== undefined) this.#setup.watchdog.kill(pid);
    child.once('error', () => this.#ended(child, pid));
    child.once('exit', () => this.#ended(child, pid));
  }

  /**
   * Sends a signal; where it is one that ends a process, resolves when the process has ended.
   * @param {NodeJS.Signals} signal
   */
  async kill(signal) {
    const child = this.#process;
    if (child === undefined) return;
    child.kill(signal);
    if (!ends.has(signal)) return;
    const timer = setTimeout(() => child.kill('SIGKILL'), leaveTimeoutMs);
    await new Promise((resolve) => {
      if (this.#process !== child) resolve(undefined);
      else child.once('exit', resolve);
    });
    clearTimeout(timer);
  }

  /** The end of what the broker said, for the message of a failure. */
  async lastWords() {
    const text = await readFile(this.#log, 'utf8').catch(() => '');
    return text.slice(-2000);
  }

  get #configuration() {
    return path.join(this.#setup.folder, `broker-${this.id}.properties`);
  }

  get #log() {
    return path.join(this.#setup.folder, `broker-${this.id}.log`);
  }

  /** @param {...string} rest the main class and its arguments */
  #java(...rest) {
    const small = ['-Xmx384m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];
    return [...small, '-cp', this.#setup.classPath, ...rest];
  }

  /** @param {import('node:child_process').ChildProcess} child @param {number | undefined} pid */
  #ended(child, pid) {
    if (this.#process === child) this.#process = undefined;
    if (pid !== undefined) this.#setup.watchdog.spare(pid);
  }
}
