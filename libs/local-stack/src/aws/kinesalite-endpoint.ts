import { TidemarkError } from '@tidemark/runtime';
import { HttpFront, parseBody, streamNameOf } from './http-front.js';
import { createKinesalite, type KinesaliteInstance } from './kinesalite-hooks.js';
import { type KinesisEndpoint, type KinesisEndpointContext } from './kinesis-endpoint.js';
import { callListener, type ServiceReply, type ServiceRequest } from './listener-call.js';
import { answerOf } from './service-error.js';
import { type StreamRecord } from './stream-publisher.js';
import { isRecord } from './wire-item.js';

const requestBytesMax = 7 * 1024 * 1024;
const turnsMax = 10_000;

/** Kinesis in this process: everything but enhanced fan-out, `UpdateShardCount` and on-demand streams. */
export class KinesaliteEndpoint implements KinesisEndpoint {
  readonly #instance: KinesaliteInstance;
  readonly #front: HttpFront;
  readonly #stopTimeoutMs: number;

  constructor(context: KinesisEndpointContext) {
    const { region, accountId, clock, log, faults, stopTimeoutMs } = context;
    this.#instance = createKinesalite(region, accountId);
    this.#stopTimeoutMs = stopTimeoutMs;
    this.#front = new HttpFront({
      service: 'kinesis',
      region,
      faults,
      clock,
      log,
      bodyBytesMax: requestBytesMax,
      serve: (request) => this.#serve(request),
    });
  }

  get url(): string {
    return this.#front.url;
  }

  start(): Promise<void> {
    return this.#front.start();
  }

  async createStream(streamName: string, shardCount: number): Promise<void> {
    await this.#instance.call('createStream', { StreamName: streamName, ShardCount: shardCount });
    for (let turn = 0; turn < turnsMax; turn++) {
      if ((await this.#status(streamName)) === 'ACTIVE') return;
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new TidemarkError('TIMEOUT', `stream ${streamName} did not become active`, { retriable: false });
  }

  async hasStream(streamName: string): Promise<boolean> {
    return (await this.#status(streamName)) !== undefined;
  }

  async putRecords(streamName: string, records: readonly StreamRecord[]): Promise<readonly boolean[]> {
    await this.#instance.call('putRecords', {
      StreamName: streamName,
      Records: records.map((record) => ({
        PartitionKey: record.partitionKey,
        Data: record.bytes.toString('base64'),
      })),
    });
    return records.map(() => true);
  }

  stop(): Promise<void> {
    return this.#front.stop(this.#stopTimeoutMs);
  }

  async #status(streamName: string): Promise<unknown> {
    try {
      const output = await this.#instance.call('describeStream', { StreamName: streamName });
      const description = isRecord(output) ? output['StreamDescription'] : undefined;
      return isRecord(description) ? description['StreamStatus'] : undefined;
    } catch (error) {
      if (answerOf(error) !== undefined) return undefined;
      throw error;
    }
  }

  #serve(request: ServiceRequest): Promise<ServiceReply> {
    return callListener(this.#instance.listener, named(request));
  }
}

/** kinesalite knows streams by name only; AWS accepts the ARN alone too. */
function named(request: ServiceRequest): ServiceRequest {
  const input = parseBody(request.body);
  const name = streamNameOf(input?.['StreamARN']);
  if (input === undefined || name === undefined || input['StreamName'] !== undefined) return request;
  return { ...request, body: Buffer.from(JSON.stringify({ ...input, StreamName: name }), 'utf8') };
}
