import { describe, expect, it } from '@jest/globals';
import { makeKinesisClient } from './kinesis-client.js';

const silent = (): void => undefined;
const logger = { debug: silent, info: silent, warn: silent, error: silent };

function steps(client: ReturnType<typeof makeKinesisClient>): string {
  return client.middlewareStack.identify().join();
}

describe('makeKinesisClient', () => {
  it('copies no answer for a logger that nobody gave, and every one for one that was given', () => {
    expect(steps(makeKinesisClient({ region: 'local-1' }))).not.toContain('loggerMiddleware');
    expect(steps(makeKinesisClient({ region: 'local-1', logger }))).toContain('loggerMiddleware');
  });
});
