import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { type Clock, type Logger, messageOf, wait } from '@tidemark/runtime';
import { type ServiceReply, type ServiceRequest, type StreamedReply } from './listener-call.js';
import { type FaultableRequest, type RequestFaults } from './request-faults.js';
import { answerOf } from './service-error.js';
import { isRecord } from './wire-item.js';

export interface HttpFrontOptions {
  readonly service: 'dynamodb' | 'kinesis';
  readonly region: string;
  readonly faults: RequestFaults;
  readonly clock: Clock;
  readonly log: Logger;
  /** Longest body accepted, bytes; a longer one gets status 413. */
  readonly bodyBytesMax: number;
  readonly serve: (request: ServiceRequest) => Promise<ServiceReply | StreamedReply>;
}

/**
 * The HTTP server of one service in one region, on a free port of the loopback address. It receives requests whole, lets the faults meet
 * them, and survives whatever a client does: hanging up during an upload, a body that is no JSON, a request that makes `serve` throw.
 */
export class HttpFront {
  readonly #options: HttpFrontOptions;
  readonly #server: Server;
  #serving = 0;
  #requests = 0;
  #idle: () => void = () => undefined;

  constructor(options: HttpFrontOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#receive(request, response));
    // A connection that the server ends while the client is about to reuse it would be a fault nobody asked for.
    this.#server.keepAliveTimeout = 0;
  }

  /** Requests received so far. */
  get requests(): number {
    return this.#requests;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => resolve());
    });
  }

  /** Takes no new request, waits up to `timeoutMs` for those being served, then closes every connection. */
  async stop(timeoutMs: number): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    if (this.#serving > 0) {
      const ended = new AbortController();
      const served = new Promise<void>((resolve) => (this.#idle = resolve));
      await Promise.race([served, wait(this.#options.clock, timeoutMs, ended.signal)]);
      ended.abort();
    }
    this.#server.closeAllConnections();
    await closed;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const body = await readBody(request, this.#options.bodyBytesMax);
    if (body === 'aborted') return;
    this.#requests++;
    if (body === 'tooLarge') {
      response.writeHead(413, { connection: 'close' }).end();
      return;
    }
    const { method = '', url = '', headers } = request;
    const operation = String(headers['x-amz-target'] ?? '').split('.')[1] ?? '';
    await this.#serve({ method, url, headers, operation, body }, response);
  }

  async #serve(request: ServiceRequest, response: ServerResponse): Promise<void> {
    const { service, region, faults } = this.#options;
    const faultable: FaultableRequest = {
      service,
      region,
      operation: request.operation,
      resources: () => resourcesOf(request.body),
    };
    const verdict = await faults.meet(faultable);
    if (verdict.kind === 'drop') return void response.destroy();
    if (verdict.kind === 'error') {
      const { statusCode, type, message } = verdict;
      return send(response, jsonReply(service, { __type: type, message }, statusCode));
    }
    const reply = await this.#answer(request);
    if (verdict.kind === 'dropAnswer') response.destroy();
    send(response, verdict.kind === 'amend' ? amended(service, reply, verdict.amend) : reply);
  }

  async #answer(request: ServiceRequest): Promise<ServiceReply | StreamedReply> {
    const { service, region, serve, log } = this.#options;
    this.#serving++;
    try {
      return await serve(request);
    } catch (error) {
      const answer = answerOf(error);
      if (answer !== undefined) return jsonReply(service, answer.body, answer.statusCode);
      log.warn({ service, region, operation: request.operation, error: messageOf(error) }, 'a request failed');
      return jsonReply(service, { __type: 'InternalServerError', message: messageOf(error) }, 500);
    } finally {
      this.#serving--;
      if (this.#serving === 0) this.#idle();
    }
  }
}

/** A reply in the JSON dialect of `service`. */
export function jsonReply(service: 'dynamodb' | 'kinesis', body: object, statusCode = 200): ServiceReply {
  const contentType = service === 'dynamodb' ? 'application/x-amz-json-1.0' : 'application/x-amz-json-1.1';
  return { statusCode, headers: { 'content-type': contentType }, body: JSON.stringify(body) };
}

/** An answer that is a JSON object, with something else in it; any other as it is. */
function amended(
  service: 'dynamodb' | 'kinesis',
  reply: ServiceReply | StreamedReply,
  amend: (answer: Readonly<Record<string, unknown>>) => object,
): ServiceReply | StreamedReply {
  const answer = 'stream' in reply || reply.statusCode !== 200 ? undefined : parseBody(Buffer.from(reply.body));
  return answer === undefined ? reply : jsonReply(service, amend(answer));
}

/** The body as a JSON object; undefined when it is anything else. */
export function parseBody(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | 'aborted' | 'tooLarge'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('error', () => resolve('aborted'));
    request.on('close', () => resolve('aborted'));
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) resolve('tooLarge');
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
  });
}

/** The tables or the stream that a request names. */
function resourcesOf(body: Buffer): readonly string[] {
  const input = parseBody(body);
  if (input === undefined) return [];
  const { TableName, StreamName, StreamARN, ConsumerARN } = input;
  const names = [TableName, StreamName, streamNameOf(StreamARN), streamNameOf(ConsumerARN)];
  const tables = isRecord(input['RequestItems']) ? Object.keys(input['RequestItems']) : [];
  return [...names.filter((name) => typeof name === 'string'), ...tables];
}

/** The stream's name at the end of its ARN. */
export function streamNameOf(arn: unknown): string | undefined {
  return typeof arn === 'string' ? arn.split(':stream/')[1]?.split('/')[0] : undefined;
}

function send(response: ServerResponse, reply: ServiceReply | StreamedReply): void {
  const { statusCode, headers } = reply;
  if ('stream' in reply) {
    if (!response.destroyed) response.writeHead(statusCode, headers);
    // Ends the one with the other: a client hangs up, or the service does.
    pipeline(reply.stream, response, () => undefined);
  } else if (!response.destroyed) {
    response.writeHead(statusCode, { ...headers, 'content-length': Buffer.byteLength(reply.body) });
    response.end(reply.body);
  }
}
