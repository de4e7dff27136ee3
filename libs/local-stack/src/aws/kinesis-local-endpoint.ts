import { type Clock, systemClock, TidemarkError } from '@tidemark/runtime';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { checkNumber } from './embedded-aws-options.js';
import { HttpFront, parseBody, streamNameOf } from './http-front.js';
import { type KinesisEndpoint, type KinesisEndpointContext, type KinesisEndpointFactory } from './kinesis-endpoint.js';
import { KinesisLocalThread } from './kinesis-local-thread.js';
import { type ServiceReply, type ServiceRequest, type StreamedReply } from './listener-call.js';
import { answerOf, ServiceError } from './service-error.js';
import { endingWithShard } from './shard-events.js';
import { type StreamRecord } from './stream-publisher.js';
import { isRecord } from './wire-item.js';

export interface KinesisLocalOptions {
  /** How long kinesis-local may take to open its port, ms. Default 30,000. */
  readonly startTimeoutMs?: number;
  /** Default: the system's clock. */
  readonly clock?: Clock;
}

/**
 * Kinesis by kinesis-local, in a worker thread that all regions share: `new EmbeddedAws({ kinesisEndpoint: kinesisLocal() })`. Beyond the
 * default it names child shards and has `UpdateShardCount`, on-demand streams, filters of `ListShards` and enhanced fan-out; it takes longer to
 * start, more memory, and accepts a few hundred records a second. Throws `INVALID_OPTIONS`; the start rejects with `TIMEOUT` or `NOT_SUPPORTED`.
 */
export function kinesisLocal(options: KinesisLocalOptions = {}): KinesisEndpointFactory {
  const { startTimeoutMs = 30_000, clock = systemClock } = options;
  checkNumber('startTimeoutMs', startTimeoutMs, 1);
  const thread = new KinesisLocalThread({ startTimeoutMs, clock });
  return (context) => new KinesisLocalEndpoint(context, thread);
}

const requestBytesMax = 7 * 1024 * 1024;
const putRecordsMax = 500;
const turnsMax = 1_000;
const requestTimeoutMs = 30_000;
const connectionsMax = 100;
/** Shorter than kinesis-local keeps one, so that it never closes one as it is used again. */
const idleConnectionMs = 2_000;
/** A stream of events; every other answer is received whole. */
const eventStreamType = 'application/vnd.amazon.eventstream';

/** One region of the Kinesis in a `KinesisLocalThread`. */
class KinesisLocalEndpoint implements KinesisEndpoint {
  readonly #context: KinesisEndpointContext;
  readonly #thread: KinesisLocalThread;
  readonly #front: HttpFront;
  readonly #agent = new Agent({ keepAlive: true, timeout: idleConnectionMs, maxSockets: connectionsMax });
  #joined = false;
  #port = 0;

  constructor(context: KinesisEndpointContext, thread: KinesisLocalThread) {
    const { region, clock, log, faults } = context;
    this.#context = context;
    this.#thread = thread;
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

  async start(): Promise<void> {
    this.#joined = true;
    this.#port = await this.#thread.join(this.#context.log);
    await this.#front.start();
  }

  async createStream(streamName: string, shardCount: number): Promise<void> {
    await this.#call('CreateStream', { StreamName: streamName, ShardCount: shardCount });
    for (let turn = 0; turn < turnsMax; turn++) if ((await this.#status(streamName)) === 'ACTIVE') return;
    throw new TidemarkError('TIMEOUT', `stream ${streamName} did not become active`, { retriable: false });
  }

  async hasStream(streamName: string): Promise<boolean> {
    return (await this.#status(streamName)) !== undefined;
  }

  async putRecords(streamName: string, records: readonly StreamRecord[]): Promise<readonly boolean[]> {
    const { Records: outcomes } = await this.#call('PutRecords', {
      StreamName: streamName,
      Records: records.map((record) => ({
        PartitionKey: record.partitionKey,
        Data: record.bytes.toString('base64'),
      })),
    });
    const list: readonly unknown[] = Array.isArray(outcomes) ? outcomes : [];
    return records.map((_record, index) => {
      const outcome = list[index];
      return isRecord(outcome) && typeof outcome['SequenceNumber'] === 'string';
    });
  }

  async stop(): Promise<void> {
    await this.#front.stop(this.#context.stopTimeoutMs);
    this.#agent.destroy();
    if (!this.#joined) return;
    this.#joined = false;
    await this.#thread.leave();
  }

  async #status(streamName: string): Promise<unknown> {
    try {
      const { StreamDescriptionSummary: summary } = await this.#call('DescribeStreamSummary', {
        StreamName: streamName,
      });
      return isRecord(summary) ? summary['StreamStatus'] : undefined;
    } catch (error) {
      if (answerOf(error)?.body['__type'] === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  }

  /** Runs an operation without a client. Rejects with what a client would be answered. */
  async #call(operation: string, input: object): Promise<Readonly<Record<string, unknown>>> {
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `Kinesis_20131202.${operation}`,
      'x-amz-date': '20260101T000000Z',
      authorization: 'own',
    };
    const body = Buffer.from(JSON.stringify(input), 'utf8');
    const reply = await this.#serve({ method: 'POST', url: '/', headers, operation, body });
    const output = outputOf(reply);
    if (reply.statusCode < 400) return output;
    throw new ServiceError(String(output['__type']), String(output['message']), reply.statusCode);
  }

  async #serve(request: ServiceRequest): Promise<ServiceReply | StreamedReply> {
    refuseTooMany(request);
    if (request.operation === 'SubscribeToShard') return this.#subscribe(request);
    const reply = await this.#forward(request);
    if (reply.statusCode >= 400) throwCorrected(request, reply);
    return reply;
  }

  /** kinesis-local takes any shard and any place in it; AWS refuses those that are not there, as `GetShardIterator` does. */
  async #subscribe(request: ServiceRequest): Promise<ServiceReply | StreamedReply> {
    const { ConsumerARN, ShardId, StartingPosition: at } = parseBody(request.body) ?? {};
    const StreamName = streamNameOf(ConsumerARN);
    if (StreamName !== undefined && isRecord(at))
      await this.#call('GetShardIterator', {
        StreamName,
        ShardId,
        ShardIteratorType: at['Type'],
        StartingSequenceNumber: at['SequenceNumber'],
        Timestamp: at['Timestamp'],
      });
    const reply = await this.#forward(request);
    if (reply.statusCode >= 400) throwCorrected(request, reply);
    if (!('stream' in reply)) return reply;
    return { ...reply, stream: endingWithShard(reply.stream, () => this.#childrenOf(StreamName, ShardId)) };
  }

  async #childrenOf(StreamName: unknown, shardId: unknown): Promise<readonly object[] | undefined> {
    const { Shards } = await this.#call('ListShards', { StreamName });
    const shards = Array.isArray(Shards) ? Shards.filter(isRecord) : [];
    const range = shards.find(({ ShardId }) => ShardId === shardId)?.['SequenceNumberRange'];
    if (!isRecord(range) || typeof range['EndingSequenceNumber'] !== 'string') return undefined;
    return shards.flatMap(({ ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange }) => {
      const ParentShards = [ParentShardId, AdjacentParentShardId].filter((parent) => typeof parent === 'string');
      return ParentShards.some((parent) => parent === shardId) ? [{ ShardId, ParentShards, HashKeyRange }] : [];
    });
  }

  async #forward({ method, url, headers, body }: ServiceRequest): Promise<ServiceReply | StreamedReply> {
    const forwarded = httpRequest({
      host: '127.0.0.1',
      port: this.#port,
      path: url,
      method,
      agent: this.#agent,
      timeout: requestTimeoutMs,
      headers: { ...this.#forwardedHeaders(headers), 'content-length': body.length },
    });
    // Once there is a response, it is the response that fails.
    forwarded.on('error', () => undefined);
    forwarded.once('timeout', () => forwarded.destroy(new Error(`no answer within ${requestTimeoutMs} ms`)));
    forwarded.end(body);
    const [response] = (await once(forwarded, 'response')) as [IncomingMessage];
    if (response.headers['content-type'] !== eventStreamType) return received(response);
    forwarded.setTimeout(0);
    return { statusCode: response.statusCode ?? 500, headers: { 'content-type': eventStreamType }, stream: response };
  }

  /** kinesis-local takes region and account from the signature, which it does not check: here both are those of the endpoint. */
  #forwardedHeaders(headers: ServiceRequest['headers']): Record<string, string> {
    const forwarded: Record<string, string> = {};
    for (const name of ['content-type', 'accept', 'x-amz-target', 'x-amz-date']) {
      const value = headers[name];
      if (typeof value === 'string') forwarded[name] = value;
    }
    const { accountId, region } = this.#context;
    if (headers.authorization !== undefined)
      forwarded['authorization'] =
        `AWS4-HMAC-SHA256 Credential=${accountId}/20260101/${region}/kinesis/aws4_request, SignedHeaders=host, Signature=0`;
    return forwarded;
  }
}

async function received(response: IncomingMessage): Promise<ServiceReply> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const headers: Record<string, string> = {};
  for (const name of ['content-type', 'x-amzn-requestid', 'x-amz-id-2']) {
    const value = response.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return { statusCode: response.statusCode ?? 500, headers, body: Buffer.concat(chunks) };
}

function outputOf(reply: ServiceReply | StreamedReply): Readonly<Record<string, unknown>> {
  return 'body' in reply ? (parseBody(Buffer.from(reply.body)) ?? {}) : {};
}

/** AWS refuses such a batch whole; kinesis-local takes it. */
function refuseTooMany({ operation, body }: ServiceRequest): void {
  const records = operation === 'PutRecords' ? parseBody(body)?.['Records'] : undefined;
  if (!Array.isArray(records) || records.length <= putRecordsMax) return;
  throw new ServiceError(
    'ValidationException',
    `1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length less than or equal to ${putRecordsMax}`,
  );
}

/** Where kinesis-local has another error than AWS, and clients tell the two apart. */
function throwCorrected({ operation }: ServiceRequest, reply: ServiceReply | StreamedReply): void {
  const { message: told } = outputOf(reply);
  const message = typeof told === 'string' ? told : `status ${reply.statusCode}`;
  if (operation === 'GetShardIterator' && message.startsWith('Unable to find record'))
    throw new ServiceError('InvalidArgumentException', message);
  // The one thing that `GetRecords` fails on so: an iterator that cannot be deciphered.
  if (operation === 'GetRecords' && reply.statusCode === 500)
    throw new ServiceError('InvalidArgumentException', 'Invalid ShardIterator.');
  if (reply.statusCode >= 500) throw new ServiceError('InternalFailure', message, reply.statusCode);
}
