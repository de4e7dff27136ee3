// Change records at a steady rate, straight into the stream: the emulator of DynamoDB makes them far too slowly.
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { itemKeyOf, jsonCodec, writeImage } from '@tidemark/protocol';
import { valueOf } from './change-value.mjs';
import { wait } from './wait.mjs';
import { region, table } from './world.mjs';

const tickMs = 100;
const recordsMax = 500;
const incarnation = 'feedfacefeedface';
const credentials = { accessKeyId: 'measure', secretAccessKey: 'measure' };

/** @typedef {{ readonly kinesisEndpoint: string, readonly streamName: string }} StreamAddress */
/** @typedef {{ key: string, number: number, record: import('@aws-sdk/client-kinesis').PutRecordsRequestEntry }} Change */

/** @param {string} endpoint */
export function kinesisAt(endpoint) {
  return new KinesisClient({ region, endpoint, credentials, requestHandler: new NodeHttpHandler() });
}

/** @param {number} index */
export function keyOf(index) {
  return `app-${index}`;
}

/**
 * Writes change 0 of every key into DynamoDB, whose own record of it goes the way of all others; so pods have something to hold.
 * @param {string} endpoint
 * @param {number} keys
 * @param {number} bytes
 */
export async function writeItems(endpoint, keys, bytes) {
  const client = new DynamoDBClient({ region, endpoint, credentials });
  for (let index = 0; index < keys; index += 1)
    await client.send(new PutItemCommand({ TableName: table, Item: imageOf(keyOf(index), 0, bytes) }));
  client.destroy();
}

/** Writes changes 0, 1, 2, … of every key, each of the next key, and each key's in order. */
export class Load {
  /** Numbers that the stream has accepted last, by key. @type {Map<string, number>} */
  last = new Map();
  retried = 0;
  #client;
  #options;
  #rate;
  #startedAt = performance.now();
  #sent = 0;
  #turn = 0;
  #stopped = false;
  /** @type {Promise<void>} */
  #running;
  /** Numbers of the next change, by key. @type {number[]} */
  #next;

  /**
   * @param {{ readonly aws: StreamAddress, readonly rate: number, readonly keys: number, readonly bytes?: number, readonly first?: number, readonly onAccepted: (key: string, number: number, atMs: number) => void }} options
   */
  constructor(options) {
    this.#options = options;
    this.#rate = options.rate;
    this.#next = new Array(options.keys).fill(options.first ?? 0);
    this.#client = kinesisAt(options.aws.kinesisEndpoint);
    this.#running = this.#run();
  }

  /** From now on. @param {number} rate changes a second */
  setRate(rate) {
    this.#rate = rate;
    this.#sent = 0;
    this.#startedAt = performance.now();
  }

  /** Changes a second that were written since the rate was set. */
  get reached() {
    return this.#sent / ((performance.now() - this.#startedAt) / 1_000);
  }

  async stop() {
    this.#stopped = true;
    await this.#running;
    this.#client.destroy();
  }

  async #run() {
    let [owed, at] = [0, performance.now()];
    for (let dueAt = at; !this.#stopped; dueAt = Math.max(dueAt + tickMs, performance.now())) {
      await wait(dueAt - performance.now());
      const now = performance.now();
      // What slow answers have kept from being written is made up for, a second of it at most.
      owed = Math.min(this.#rate, owed + (this.#rate * (now - at)) / 1_000);
      at = now;
      const count = Math.min(recordsMax, this.#next.length, Math.floor(owed));
      owed -= count;
      if (count > 0) await this.#send(Array.from({ length: count }, () => this.#make()));
    }
  }

  #make() {
    const index = this.#turn;
    this.#turn = (this.#turn + 1) % this.#next.length;
    const number = this.#next[index] ?? 0;
    this.#next[index] = number + 1;
    return changeOf(keyOf(index), number, this.#options.bytes ?? 200);
  }

  /** Until all of them are accepted: no later change of a key may overtake one. @param {readonly Change[]} changes */
  async #send(changes) {
    let left = changes;
    while (left.length > 0) {
      const Records = left.map(({ record }) => record);
      const input = { StreamName: this.#options.aws.streamName, Records };
      const output = await this.#client.send(new PutRecordsCommand(input)).catch(() => undefined);
      const accepted = left.filter((_, i) => output !== undefined && output.Records?.[i]?.ErrorCode === undefined);
      const atMs = performance.now();
      for (const { key, number } of accepted) {
        this.last.set(key, number);
        this.#options.onAccepted(key, number, atMs);
      }
      this.#sent += accepted.length;
      left = left.filter((change) => !accepted.includes(change));
      this.retried += left.length;
      if (left.length > 0) await wait(tickMs);
    }
  }
}

/** Each change goes from the write id of the one before to its own, as DynamoDB's records do. @param {string} key @param {number} number @param {number} bytes @returns {Change} */
function changeOf(key, number, bytes) {
  const itemKey = itemKeyOf(table, key);
  const record = {
    awsRegion: region,
    eventID: `${key}-${number}`,
    eventName: number === 0 ? 'INSERT' : 'MODIFY',
    userIdentity: null,
    recordFormat: 'application/json',
    tableName: table,
    dynamodb: {
      ApproximateCreationDateTime: Date.now() * 1_000,
      ApproximateCreationDateTimePrecision: 'MICROSECOND',
      Keys: { key: { S: itemKey } },
      NewImage: imageOf(key, number, bytes),
      ...(number === 0 ? {} : { OldImage: imageOf(key, number - 1, bytes) }),
      SizeBytes: bytes,
    },
    eventSource: 'aws:dynamodb',
  };
  return { key, number, record: { PartitionKey: itemKey, Data: Buffer.from(JSON.stringify(record)) } };
}

/** @param {string} key @param {number} number @param {number} bytes */
export function imageOf(key, number, bytes) {
  return writeImage({
    ...{ key: itemKeyOf(table, key), value: JSON.stringify(valueOf(number, bytes)), codec: jsonCodec.name },
    ...{ writeId: number.toString(16).padStart(16, '0') + incarnation, expiresAt: null, writtenBy: null },
    ...{ tombstone: false, leaseId: null, leaseUntil: null, loaded: false },
  });
}
