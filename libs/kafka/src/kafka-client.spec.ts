import { describe, expect, it } from '@jest/globals';
import { ManualClock, recordingLogger } from '@tidemark/runtime/testing';
import { Kafka } from 'kafkajs';
import { createKafkaClient } from './kafka-client.js';
import { kafkaLogCreator } from './kafka-log.js';

describe('createKafkaClient', () => {
  it('refuses options that cannot work, naming them', () => {
    for (const brokers of [[], ['host'], 'host:1', undefined])
      expect(() => createKafkaClient({ brokers: brokers as string[] })).toThrow(/kafka\.brokers: expected/);
    expect(() => createKafkaClient({ brokers: ['h:1'], requestTimeoutMs: 0 })).toThrow(/kafka\.requestTimeoutMs/);
  });

  it('uses a client that was made elsewhere as it is', () => {
    const kafka = new Kafka({ brokers: ['h:1'] });
    expect(createKafkaClient(kafka)).toBe(kafka);
  });
});

describe('kafkaLogCreator', () => {
  it('lets the same line out once in half a minute, without what was logged beside it', async () => {
    const clock = new ManualClock();
    const logger = recordingLogger();
    const log = kafkaLogCreator(logger, clock)(1);
    const entry = { namespace: 'Connection', level: 1, label: 'ERROR' } as const;
    const content = { timestamp: '', message: 'refused', broker: 'h:1', error: 'E', secret: 'value' };
    for (let i = 0; i < 3; i += 1) log({ ...entry, log: content });
    await clock.advance(30_000);
    log({ ...entry, log: content });
    expect(logger.lines).toHaveLength(2);
    expect(logger.lines[0]).toEqual({
      level: 'debug',
      message: 'Connection: refused',
      fields: { client: 'kafkajs', level: 'ERROR', broker: 'h:1', groupId: undefined, error: 'E' },
    });
  });
});
