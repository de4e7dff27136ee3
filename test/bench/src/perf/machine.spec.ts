import { describe, expect, it } from '@jest/globals';
import { versions } from './machine.js';

describe('versions', () => {
  it('names every rival as it is installed, the SDK that bare loops call among them', () => {
    const installed = versions();
    expect(Object.keys(installed)).toEqual(
      expect.arrayContaining(['lru-cache', 'kafkajs', '@aws-sdk/client-kinesis', '@aws-sdk/client-dynamodb']),
    );
    expect(Object.values(installed)).not.toContain('not installed');
  });
});
