import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, recordingLogger } from '@tidemark/runtime/testing';
import { randomBytes } from 'node:crypto';
import { apiNames } from './api-table.js';
import { type EmbeddedKafka } from './embedded-kafka.js';
import { KafkaClients } from './testing/kafka-clients.js';
import { errorNamed, RawClient } from './testing/raw-client.js';
import { type WireWriter } from './wire-writer.js';

let clients: KafkaClients;
let kafka: EmbeddedKafka;
const logger = recordingLogger();
beforeEach(async () => {
  clients = new KafkaClients();
  kafka = await clients.broker({ logger, connectionsMax: 60 });
  await (await clients.admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 2 }] });
});
afterEach(async () => {
  await clients.close();
  expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

const waitingFetch = (w: WireWriter): void => {
  w.int32(-1).int32(60_000).int32(1).int32(1e6).int8(0).int32(0).int32(-1);
  w.array(['t'], (name) =>
    w.string(name).array([0, 1], (index) => w.int32(index).int32(-1).int64(0n).int64(-1n).int32(1e6)),
  );
  w.array([], () => undefined).string('');
};

/** That the broker still serves others. */
async function expectWell(): Promise<void> {
  const client = await RawClient.open(kafka.address);
  expect((await client.ask('ListGroups', () => undefined)).remaining).toBe(10);
  client.socket.destroy();
}

/** Sends raw bytes; whether the broker hangs up. */
async function isHungUpOn(bytes: Buffer): Promise<boolean> {
  const client = await RawClient.open(kafka.address);
  client.socket.write(bytes);
  const answer = await client.answer();
  client.socket.destroy();
  return answer === undefined;
}

function frame(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** A request's header: key, version, correlation id, no client id. */
function header(key: number, version: number): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeInt16BE(key, 0);
  bytes.writeInt16BE(version, 2);
  bytes.writeInt16BE(-1, 8);
  return bytes;
}

describe('the embedded Kafka among hostile clients', () => {
  it('lets go of everything when clients hang up while their fetches wait', async () => {
    const connected = kafka.stats().connections;
    const crowd = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(kafka.address)));
    for (const client of crowd) client.send('Fetch', waitingFetch);
    await eventually('all wait', () => kafka.stats().fetchWaits === 40);
    for (const client of crowd) client.socket.destroy();
    await eventually('nobody waits', () => kafka.stats().fetchWaits === 0 && kafka.stats().connections === connected);
    await expectWell();
  });

  it('answers requests in their order, and a waiting fetch holds up its own connection only', async () => {
    const client = await RawClient.open(kafka.address);
    client.send('ApiVersions', () => undefined);
    client.send('Fetch', waitingFetch);
    for (let index = 0; index < 100; index += 1) client.send('ApiVersions', () => undefined);
    expect((await client.answer())?.correlationId).toBe(1);
    await eventually('the fetch waits', () => kafka.stats().fetchWaits === 2);
    await expectWell();
    kafka.faults.plantEmptyBatch({ topic: 't', partition: 1 });
    const ids: number[] = [];
    while (ids.length < 101) ids.push((await client.answer())?.correlationId ?? -1);
    expect(ids).toEqual(Array.from({ length: 101 }, (_, index) => index + 2));
    client.socket.destroy();
  });

  it('takes requests one byte at a time', async () => {
    const client = await RawClient.open(kafka.address);
    for (const byte of frame(header(16, 2))) client.socket.write(Buffer.from([byte]));
    expect((await client.answer())?.reader.remaining).toBe(10);
    client.socket.destroy();
  });

  const rubbish: [string, Buffer][] = [
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: kafka\r\n\r\n')],
    ['a length of two thousand million', Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0])],
    ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['a request too short for its header', frame(Buffer.alloc(9))],
    ['a request that is not known', frame(header(4, 0))],
    ['a negative key', frame(header(-1, 0))],
    ['a version that is too new', frame(header(0, 8))],
    ['a version that is too old', frame(header(1, 4))],
    ['an array of negative length', frame(header(20, 1), Buffer.from([0xff, 0xff, 0xff, 0xfe]))],
    ['null for an array', frame(header(20, 1), Buffer.from([0xff, 0xff, 0xff, 0xff]))],
    ['an array of two thousand million elements', frame(header(20, 1), Buffer.from([0x7f, 0xff, 0xff, 0xff]))],
    ['a client id longer than its request', frame(Buffer.from([0, 16, 0, 2, 0, 0, 0, 1, 0x7f, 0xff]))],
    ['a request that ends in the middle', frame(header(11, 5), Buffer.from([0, 1, 65, 0, 0]))],
  ];
  it.each(rubbish)('hangs up on %s', async (_, bytes) => {
    expect(await isHungUpOn(bytes)).toBe(true);
    await expectWell();
  });

  it('survives random bytes in every kind of request', async () => {
    const expected = apiNames.length * 5;
    let ended = 0;
    for (const api of apiNames) {
      for (let round = 0; round < 5; round += 1) {
        const client = await RawClient.open(kafka.address);
        const body = randomBytes(round * 40);
        client.send(api, (w) => w.raw(body));
        client.send('ListGroups', () => undefined);
        let isAnswered = false;
        void client.answer().then(() => (isAnswered = true));
        await eventually('an answer, an end or a wait', () => isAnswered || kafka.stats().fetchWaits > 0);
        client.socket.destroy();
        ended += 1;
      }
    }
    expect(ended).toBe(expected);
    await eventually('nobody waits', () => kafka.stats().fetchWaits === 0);
    await expectWell();
  });

  it('lists what it speaks when it is asked in a version it does not', async () => {
    const client = await RawClient.open(kafka.address);
    client.send('ApiVersions', () => undefined, 3);
    const reader = (await client.answer())?.reader;
    expect(errorNamed(reader?.int16() ?? 0)).toBe('UNSUPPORTED_VERSION');
    const spoken = reader?.array((r) => [r.int16(), r.int16(), r.int16()]);
    expect(spoken).toContainEqual([18, 0, 2]);
    expect(spoken).toHaveLength(22);
    expect(reader?.remaining).toBe(0);
    client.socket.destroy();
  });

  it('does not answer a produce without acknowledgement, and hangs up when it fails', async () => {
    const produce = (topic: string): ((w: WireWriter) => unknown) => {
      return (w) =>
        w
          .string(null)
          .int16(0)
          .int32(0)
          .array([topic], (name) => w.string(name).array([], () => undefined));
    };
    const client = await RawClient.open(kafka.address);
    client.send('Produce', produce('t'));
    client.send('ListGroups', () => undefined);
    expect((await client.answer())?.correlationId).toBe(2);
    client.send('Produce', (w) =>
      w
        .string(null)
        .int16(0)
        .int32(0)
        .array(['u'], (name) => w.string(name).array([0], () => w.int32(0).bytes(Buffer.alloc(1)))),
    );
    expect(await client.answer()).toBeUndefined();
  });

  it('turns away more connections than it may have', async () => {
    const crowd = await Promise.all(Array.from({ length: 80 }, () => RawClient.open(kafka.address)));
    await eventually('some are turned away', () => crowd.some(({ socket }) => socket.destroyed));
    expect(kafka.stats().connections).toBe(60);
    for (const { socket } of crowd) socket.destroy();
    await eventually('there is room', () => kafka.stats().connections < 10);
    await expectWell();
  });
});
