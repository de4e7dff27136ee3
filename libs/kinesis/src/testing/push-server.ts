import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { OwnConnectionHandler } from '../own-connection-handler.js';

/** What a subscriber asks for, as it stands in the request. */
export interface SubscribeRequest {
  readonly ConsumerARN: string;
  readonly ShardId: string;
  readonly StartingPosition: { readonly Type: string; readonly SequenceNumber?: string };
}

/** A subscription as the server sees it. */
export interface Pushing {
  readonly request: SubscribeRequest;
  readonly stream: ServerHttp2Stream;
  /** The answer to the request, before the first event. */
  open(): void;
  /** Refuses the request. */
  refuse(status: number, type: string): void;
  /** `false`: it was not sent at once, since the client does not read. */
  event(event: object): boolean;
  exception(type: string): void;
  end(): void;
}

/** A server of `SubscribeToShard` over HTTP/2, on a free port of the loopback address, whose answers a test scripts. */
export class PushServer {
  readonly subscriptions: Pushing[] = [];
  /** What to do with a new subscription. */
  onSubscribe: (pushing: Pushing) => void = (pushing) => pushing.open();
  readonly port: number;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #clients: KinesisClient[] = [];

  private constructor(server: Http2Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => undefined);
      session.on('close', () => this.#sessions.delete(session));
    });
    server.on('stream', (stream) => void this.#receive(stream));
  }

  static async start(): Promise<PushServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new PushServer(server);
  }

  /** A client of it, over a connection of its own for each subscription; `port`: of whatever stands in between. Ends with the server. */
  client(port: number = this.port): KinesisClient {
    const client = new KinesisClient({
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
      requestHandler: new OwnConnectionHandler(),
    });
    this.#clients.push(client);
    return client;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sessions.size;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #receive(stream: ServerHttp2Stream): Promise<void> {
    stream.on('error', () => undefined);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const pushing = pushingOn(stream, JSON.parse(Buffer.concat(chunks).toString('utf8')) as SubscribeRequest);
    this.subscriptions.push(pushing);
    this.onSubscribe(pushing);
  }
}

function pushingOn(stream: ServerHttp2Stream, request: SubscribeRequest): Pushing {
  const send = (headers: Record<string, string>, body: object): boolean =>
    !stream.destroyed && stream.write(eventMessage(headers, body));
  return {
    request,
    stream,
    open: () => {
      stream.respond({ ':status': 200, 'content-type': 'application/vnd.amazon.eventstream' });
      send({ ':message-type': 'event', ':event-type': 'initial-response' }, {});
    },
    refuse: (status, __type) => {
      stream.respond({ ':status': status, 'content-type': 'application/x-amz-json-1.1' });
      stream.end(JSON.stringify({ __type, message: 'said by the test' }));
    },
    event: (event) => send({ ':message-type': 'event', ':event-type': 'SubscribeToShardEvent' }, event),
    exception: (type) => {
      send({ ':message-type': 'exception', ':exception-type': type }, { message: 'said by the test' });
      stream.end();
    },
    end: () => stream.end(),
  };
}

/** A message of AWS's event stream: lengths, their checksum, headers, body, the checksum of all. */
export function eventMessage(headers: Record<string, string>, body: object): Buffer {
  const named = Object.entries({ ':content-type': 'application/json', ...headers }).map(([name, value]) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(Buffer.byteLength(value));
    return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7]), length, Buffer.from(value)]);
  });
  const head = Buffer.concat(named);
  const payload = Buffer.from(JSON.stringify(body));
  const message = Buffer.alloc(16 + head.byteLength + payload.byteLength);
  message.writeUInt32BE(message.byteLength, 0);
  message.writeUInt32BE(head.byteLength, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  head.copy(message, 12);
  payload.copy(message, 12 + head.byteLength);
  message.writeUInt32BE(crc32(message.subarray(0, message.byteLength - 4)), message.byteLength - 4);
  return message;
}
