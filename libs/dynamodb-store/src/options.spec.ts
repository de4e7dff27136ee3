import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from '@jest/globals';
import { resolveOptions } from './options.js';

describe('options', () => {
  it('have defaults, also for what is given as undefined', () => {
    expect(resolveOptions({ socketsMax: undefined })).toMatchObject({
      socketsMax: 50,
      connectionTimeoutMs: 1_000,
      requestTimeoutMs: 5_000,
      readAttemptsMax: 3,
      backoffInitialMs: 20,
      backoffMaxMs: 500,
      batchConcurrencyMax: 4,
    });
  });

  it.each([
    ['socketsMax', 0],
    ['socketsMax', 1.5],
    ['connectionTimeoutMs', 0],
    ['requestTimeoutMs', Number.NaN],
    ['requestTimeoutMs', 60_001],
    ['readAttemptsMax', 0],
    ['readAttemptsMax', 11],
    ['backoffInitialMs', -1],
    ['backoffMaxMs', 19],
    ['batchConcurrencyMax', 101],
  ])('refuse %s = %d, saying which, what was expected and what came', (field, got) => {
    expect(() => resolveOptions({ [field]: got })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', context: expect.objectContaining({ field, got }) }),
    );
  });

  it('refuse a client together with the configuration of one', () => {
    const client = new DynamoDBClient({ region: 'us-east-1' });
    expect(() => resolveOptions({ client, config: {} })).toThrow('client: expected either client or config, got both');
  });
});
