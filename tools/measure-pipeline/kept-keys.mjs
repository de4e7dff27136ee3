// Keys that stand in DynamoDB as well as in the stream, so that pods which flush fill again with what is right; and a caller who reads them.
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { imageOf } from './load.mjs';
import { inChunks } from './pods.mjs';
import { wait } from './wait.mjs';
import { region, table } from './world.mjs';

const credentials = { accessKeyId: 'measure', secretAccessKey: 'measure' };
const readEveryMs = 250;

/** Writes changes 0, 1, 2, … of each key in its turn, one after the other: the emulator makes some dozens a second beside all else. */
export class KeptKeys {
  /** Numbers that DynamoDB has accepted last, by key. @type {Map<string, number>} */
  last = new Map();
  #options;
  #client;
  #startedAt = performance.now();
  #accepted = 0;
  #stopped = false;
  /** @type {Promise<void>} */
  #running;

  /**
   * @param {{ readonly dynamodbEndpoint: string, readonly keys: number, readonly rate: number, readonly bytes: number, readonly onAccepted: (key: string, number: number, atMs: number) => void }} options
   */
  constructor(options) {
    this.#options = options;
    this.#client = new DynamoDBClient({ region, endpoint: options.dynamodbEndpoint, credentials });
    this.#running = this.#run();
  }

  get ids() {
    return Array.from({ length: this.#options.keys }, (_, index) => `kept-${index}`);
  }

  /** Changes a second that were written. */
  get reached() {
    return this.#accepted / ((performance.now() - this.#startedAt) / 1_000);
  }

  async stop() {
    this.#stopped = true;
    await this.#running;
    this.#client.destroy();
  }

  async #run() {
    const { rate, bytes, onAccepted } = this.#options;
    for (let turn = 0; !this.#stopped; turn += 1) {
      const key = this.ids[turn % this.ids.length] ?? '';
      const number = (this.last.get(key) ?? -1) + 1;
      const startedAt = performance.now();
      // Again until it is accepted: the numbers of a key have no holes.
      while (!(await this.#put(key, number, bytes))) await wait(100);
      this.last.set(key, number);
      this.#accepted += 1;
      onAccepted(key, number, performance.now());
      await wait(1_000 / rate - (performance.now() - startedAt));
    }
  }

  /** @param {string} key @param {number} number @param {number} bytes */
  #put(key, number, bytes) {
    const command = new PutItemCommand({ TableName: table, Item: imageOf(key, number, bytes) });
    return this.#client.send(command).then(
      () => true,
      () => false,
    );
  }
}

/** Reads every key of every pod again and again, and samples how stale the pods are. */
export class PodCallers {
  stalenessMaxMs = 0;
  #world;
  #pods;
  #ids;
  #served;
  #stopped = false;
  /** @type {Promise<unknown>} */
  #running;

  /** @param {{ readonly world: import('./world.mjs').World, readonly pods: readonly string[], readonly ids: readonly string[], readonly served: import('./move-check.mjs').ServedNumbers }} options */
  constructor({ world, pods, ids, served }) {
    this.#world = world;
    this.#pods = pods;
    this.#ids = ids;
    this.#served = served;
    this.#running = Promise.all(this.#pods.map((pod) => this.#run(pod)));
  }

  async stop() {
    this.#stopped = true;
    await this.#running;
  }

  /** @param {string} pod */
  async #run(pod) {
    while (!this.#stopped) {
      for (const ids of inChunks(this.#ids)) {
        const answer = await this.#world.ask(pod, 'GET', `/permissions?ids=${ids.join(',')}`);
        if (answer?.status !== 200) continue;
        for (const [key, { roles }] of Object.entries(answer.body))
          this.#served.served(pod, key, Number(String(roles[0]).slice(1)));
      }
      const overview = await this.#world.ask(pod, 'GET', '/l1');
      this.stalenessMaxMs = Math.max(this.stalenessMaxMs, overview?.body.stalenessMs ?? 0);
      await wait(readEveryMs);
    }
  }
}
