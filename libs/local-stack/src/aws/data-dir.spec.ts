import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeTimeToLiveCommand, PutItemCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EmbeddedAws } from './embedded-aws.js';
import { openAws, type OpenAws } from './open-aws.js';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const us = 'us-east-1';
const eu = 'eu-west-1';
const table = 'permissions';
let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tidemark-aws-'));
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

function put(stack: OpenAws, region: string, key: string): Promise<unknown> {
  return stack.dynamodb(region).send(new PutItemCommand({ TableName: table, Item: { key: { S: key } } }));
}

async function keys(stack: OpenAws, region: string): Promise<string[]> {
  return [...(await stack.items(region, table)).keys()].sort();
}

describe('EmbeddedAws with a data folder', () => {
  it('finds tables, items, replicas, streams and expiry again, with writes that were on their way', async () => {
    const before = await openAws({ dataDir, replicationDelayMs: 200 });
    await before.aws.createGlobalTable(table);
    const settings = { TableName: table, TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true } };
    await before.dynamodb(us).send(new UpdateTimeToLiveCommand(settings));
    await put(before, us, 'a');
    await before.close();

    const after = await openAws({ dataDir });
    try {
      expect(await after.aws.createGlobalTable(table)).toBe('exists');
      expect(await keys(after, us)).toEqual(['{"S":"a"}']);
      expect(await keys(after, eu)).toEqual(['{"S":"a"}']);
      await put(after, eu, 'b');
      await after.aws.drained();
      expect(await keys(after, us)).toEqual(['{"S":"a"}', '{"S":"b"}']);
      expect((await after.changes(us)).map((change) => change.dynamodb.Keys)).toEqual([{ key: { S: 'b' } }]);
      const described = await after.dynamodb(eu).send(new DescribeTimeToLiveCommand({ TableName: table }));
      expect(described.TimeToLiveDescription).toMatchObject({ TimeToLiveStatus: 'ENABLED' });
    } finally {
      await after.close();
    }
  });

  it('refuses a folder that another stack has open', async () => {
    const first = await openAws({ dataDir });
    const second = new EmbeddedAws({ dataDir });
    try {
      await expect(second.start()).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    } finally {
      await second.stop();
      await first.close();
    }
  });
});
