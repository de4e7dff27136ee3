import { connect } from 'node:net';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EmbeddedAwsOptions } from './embedded-aws-options.js';
import { kinesisLocal } from './kinesis-local-endpoint.js';
import { openAws, type OpenAws } from './open-aws.js';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const us = 'us-east-1';
let stack: OpenAws;

const dynamodb = ['dynamodbEndpoint', 'application/x-amz-json-1.0', 'DynamoDB_20120810.PutItem', {}] as const;
const kinesis = ['kinesisEndpoint', 'application/x-amz-json-1.1', 'Kinesis_20131202.PutRecords'] as const;
const services = [
  ['DynamoDB', ...dynamodb],
  ['Kinesis', ...kinesis, {}],
  ['Kinesis by kinesis-local', ...kinesis, { kinesisEndpoint: kinesisLocal() }],
] as const;

async function stillServes(): Promise<void> {
  const item = { key: { S: 'a' }, v: { S: String(Math.random()) } };
  await stack.dynamodb(us).send(new PutItemCommand({ TableName: 'permissions', Item: item }));
  await stack.aws.drained();
  expect((await stack.changes(us)).at(-1)?.dynamodb.NewImage).toEqual(item);
}

describe.each(services)(
  'hostile clients of %s',
  (_name, endpoint, contentType, target, options: EmbeddedAwsOptions) => {
    beforeAll(async () => {
      stack = await openAws({ regions: [us], ...options });
      await stack.aws.createGlobalTable('permissions');
    });
    afterAll(() => stack.close());

    const headers = {
      'content-type': contentType,
      'x-amz-target': target,
      'x-amz-date': '20260101T000000Z',
      authorization: 'AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=0',
    };

    it('survives a client that hangs up during its upload', async () => {
      const { port } = new URL(stack.aws.region(us)[endpoint]);
      for (let attempt = 0; attempt < 3; attempt++) {
        await new Promise<void>((resolve, reject) => {
          const socket = connect(Number(port), '127.0.0.1');
          const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
          // The server's `100 Continue` shows that it has begun to receive the request.
          socket.write(
            `POST / HTTP/1.1\r\nhost: x\r\n${head.join('')}expect: 100-continue\r\ncontent-length: 100000\r\n\r\n`,
          );
          socket.once('data', () => socket.write('{"a":', () => socket.resetAndDestroy()));
          socket.on('error', reject);
          socket.on('close', () => resolve());
        });
      }
      await stillServes();
    });

    it.each([
      ['no body', ''],
      ['no JSON', '{"TableName":'],
      ['null', 'null'],
      ['an array', '[]'],
      ['a text', '"x"'],
      ['a wrong type', '{"TableName":5,"StreamName":5}'],
      ['a nested wrong type', '{"TableName":"permissions","Item":{"key":{"S":{}}},"StreamName":"x","Records":[null]}'],
      ['an unknown attribute type', '{"TableName":"permissions","Item":{"key":{"X":"a"}}}'],
      ['nothing asked', '{}'],
    ])('answers %s with an error', async (_what, body) => {
      const answer = await fetch(stack.aws.region(us)[endpoint], { method: 'POST', headers, body });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      await answer.arrayBuffer();
      await stillServes();
    });

    it('answers an unknown operation and a request without one with an error', async () => {
      for (const unknown of ['DynamoDB_20120810.Nonsense', 'nonsense']) {
        const answer = await fetch(stack.aws.region(us)[endpoint], {
          method: 'POST',
          headers: { ...headers, 'x-amz-target': unknown },
          body: '{}',
        });
        expect(answer.status).toBeGreaterThanOrEqual(400);
        await answer.arrayBuffer();
      }
      await stillServes();
    });

    it('refuses a body that is too large', async () => {
      const body = `{"x":"${'x'.repeat(17 * 1024 * 1024)}"}`;
      const answer = await fetch(stack.aws.region(us)[endpoint], { method: 'POST', headers, body }).catch(
        (error: unknown) => ({ status: 'closed', error }),
      );
      expect([413, 'closed']).toContain(answer.status);
      await stillServes();
    });
  },
);
