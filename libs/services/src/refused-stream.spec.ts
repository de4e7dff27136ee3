import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { MetricRegistry, silentLogger, systemClock } from '@tidemark/runtime';
import { type Service, startSync } from './index.js';

const answers: Readonly<Record<string, object>> = {
  'DynamoDB_20120810.Scan': { Items: [] },
  'Kinesis_20131202.DescribeStreamSummary': {
    StreamDescriptionSummary: { RecordDistributionStrategy: 'AUTO', RetentionPeriodHours: 24 },
  },
};

let server: Server | undefined;
let service: Service | undefined;

afterEach(async () => {
  await service?.kill();
  server?.closeAllConnections();
  server?.close();
});

/** AWS, as far as sync asks it before it reads anything. */
async function startAws(): Promise<string> {
  server = createServer((request: IncomingMessage, response) => {
    request.resume().on('end', () => {
      const body = answers[String(request.headers['x-amz-target'])];
      response.writeHead(body === undefined ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(body ?? { __type: 'ValidationException' }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('a stream that distributes records AUTO ends sync at its start, with what to do about it', async () => {
  const aws = await startAws();
  service = await startSync(
    {
      region: 'eu-west-1',
      kafka: { brokers: ['127.0.0.1:9'] },
      streamArn: 'arn:aws:kinesis:eu-west-1:000000000000:stream/changes',
      leaseTable: 'leases',
      dynamodbEndpoint: aws,
      kinesisEndpoint: aws,
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    },
    { clock: systemClock, logger: silentLogger, metrics: new MetricRegistry() },
  );
  await expect(service.failed).rejects.toMatchObject({
    code: 'INVALID_CONFIGURATION',
    message: expect.stringMatching(/^stream changes distributes records AUTO: .*; set USER_PARTITION_KEY$/) as unknown,
  });
  expect(service.ready().ready).toBe(false);
});
