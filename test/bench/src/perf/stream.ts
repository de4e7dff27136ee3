import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type StreamPlan } from './stream-server.js';

const streamFile = fileURLToPath(new URL('../bench-stream-main.js', import.meta.url));

export interface StreamAddresses {
  readonly kafka: string;
  readonly dynamodbEndpoint: string;
  readonly kinesisEndpoint: string;
}

/** Does the work with a broker, a stream as planned, and a DynamoDB, all in one process of their own. */
export async function withStream<T>(plan: StreamPlan, work: (at: StreamAddresses) => Promise<T>): Promise<T> {
  const served = fork(streamFile, [JSON.stringify(plan)], { execArgv: [] });
  try {
    const [addresses] = (await once(served, 'message')) as [StreamAddresses];
    return await work(addresses);
  } finally {
    served.kill('SIGKILL');
  }
}
