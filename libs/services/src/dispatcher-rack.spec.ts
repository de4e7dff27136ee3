import { describe, expect, it, jest } from '@jest/globals';
import * as real from '@tidemark/kafka';
import { MetricRegistry, silentLogger, systemClock } from '@tidemark/runtime';

const given: unknown[] = [];
jest.unstable_mockModule('@tidemark/kafka', () => ({
  ...real,
  GroupConsumer: class extends real.GroupConsumer {
    constructor(options: ConstructorParameters<typeof real.GroupConsumer>[0]) {
      super(options);
      given.push(options);
    }
  },
}));
const { startDispatcher } = await import('./start-dispatcher.js');

describe('the rack of a dispatcher', () => {
  it.each([{}, { rackId: 'euw1-az1' }])('is what its group consumer is given: %j', async (rack) => {
    const ports = { clock: systemClock, logger: silentLogger, metrics: new MetricRegistry() };
    const kafka = { brokers: ['127.0.0.1:9'] };
    const service = await startDispatcher({ region: 'eu-west-1', kafka, ...rack }, ports);
    await service.kill();
    expect((given.at(-1) as { readonly rackId?: string }).rackId).toBe(rack.rackId);
  });
});
