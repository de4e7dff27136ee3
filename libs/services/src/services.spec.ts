import { describe, expect, it } from '@jest/globals';
import { MetricRegistry, silentLogger, systemClock } from '@tidemark/runtime';
import { eventually } from '@tidemark/runtime/testing';
import { type Service, startDispatcher, startSync, type SyncOptions } from './index.js';

/** Nobody listens there. */
const nowhere = 'http://127.0.0.1:9';
const kafka = { brokers: ['127.0.0.1:9'] };
const sync: SyncOptions = {
  region: 'eu-west-1',
  kafka,
  streamArn: 'arn:aws:kinesis:eu-west-1:000000000000:stream/tidemark',
  leaseTable: 'leases',
  dynamodbEndpoint: nowhere,
  kinesisEndpoint: nowhere,
  credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
};
const ports = () => ({ clock: systemClock, logger: silentLogger, metrics: new MetricRegistry() });

const startNowhere: Readonly<Record<string, () => Promise<Service>>> = {
  dispatcher: () => startDispatcher({ region: 'eu-west-1', kafka }, ports()),
  sync: () => startSync(sync, ports()),
  'sync by fan-out': () => startSync({ ...sync, reader: 'fan-out' }, ports()),
};

describe.each(Object.entries(startNowhere))('%s with nothing to reach', (name, start) => {
  it.each(['stop', 'kill'] as const)('is up, says that it is not ready, and can be ended by %s', async (end) => {
    const service = await start();
    expect(service.ready()).toMatchObject({ ready: false });
    if (name !== 'dispatcher')
      await eventually('it says why', () =>
        /ECONNREFUSED|UNAVAILABLE|unavailable/.test(JSON.stringify(service.ready().detail)),
      );
    await service[end]();
    expect(service.ready().ready).toBe(false);
  });
});

describe('wrong options', () => {
  it('of the reader are refused before anything is started', async () => {
    const wrong = { ...sync, reader: 'fan-out', consumerName: 'no such name' } as const;
    await expect(startSync(wrong, ports())).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      context: { option: 'consumerName' },
    });
  });

  it('are refused by the field, before anything is started', async () => {
    await expect(startDispatcher({ region: 'eu-west-1', kafka: { brokers: [] } }, ports())).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      context: { field: 'brokers' },
    });
  });
});
