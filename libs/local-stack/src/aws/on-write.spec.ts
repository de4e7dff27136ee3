import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@tidemark/runtime/testing';
import { type EmbeddedAwsOptions } from './embedded-aws-options.js';
import { openAws, type OpenAws } from './open-aws.js';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

let stack: OpenAws | undefined;
afterEach(() => stack?.close());

async function open(options: EmbeddedAwsOptions): Promise<OpenAws> {
  stack = await openAws({ replicationDelayMs: 1, ...options });
  await stack.aws.createGlobalTable('things');
  return stack;
}

const put = (value: string): PutItemCommand =>
  new PutItemCommand({ TableName: 'things', Item: { key: { S: 'k' }, v: { S: value } } });

describe('onWrite', () => {
  it('is told of every write in every replica, in their order, and where each came from', async () => {
    const seen: unknown[] = [];
    const { aws, dynamodb } = await open({
      onWrite: ({ region, table, keys, newItem, isReplicated }) => {
        seen.push([region, table, keys['key']?.['S'], newItem?.['v']?.['S'], isReplicated]);
        return undefined;
      },
    });
    await dynamodb('us-east-1').send(put('a'));
    await dynamodb('us-east-1').send(new DeleteItemCommand({ TableName: 'things', Key: { key: { S: 'k' } } }));
    await aws.drained();
    expect(seen.filter((entry) => (entry as unknown[])[0] === 'us-east-1')).toEqual([
      ['us-east-1', 'things', 'k', 'a', false],
      ['us-east-1', 'things', 'k', undefined, false],
    ]);
    expect(seen).toContainEqual(['eu-west-1', 'things', 'k', 'a', true]);
  });

  it('is told of a write before its writer is, and of its change record once the stream has it', async () => {
    const told: string[] = [];
    const { aws, dynamodb } = await open({
      regions: ['us-east-1'],
      onWrite: ({ newItem }) => {
        const value = JSON.stringify(newItem?.['v']?.['S']);
        told.push(`applied ${value}`);
        return () => told.push(`accepted ${value}`);
      },
    });
    aws.faults.pauseCapture();
    await dynamodb('us-east-1').send(put('a'));
    expect(told).toEqual(['applied "a"']);
    aws.faults.resumeCapture();
    await eventually('accepted', () => told.length === 2);
    expect(told).toEqual(['applied "a"', 'accepted "a"']);
  });
});
