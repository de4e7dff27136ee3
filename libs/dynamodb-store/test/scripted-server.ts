import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

export interface ReceivedRequest {
  /** `GetItem`. */
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: IncomingMessage['headers'];
}

/** What happens to one request once the server has read all of it. */
export type Script = (response: ServerResponse, request: ReceivedRequest) => void;

/** A DynamoDB that answers as told: each request takes the next script, and the last script serves all further ones. */
export class ScriptedServer {
  readonly received: ReceivedRequest[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #scripts: readonly Script[] = [];
  #connections = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on('connection', (socket) => {
      this.#connections += 1;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  static async start(): Promise<ScriptedServer> {
    const started = new ScriptedServer();
    await new Promise<void>((resolve) => started.#server.listen(0, '127.0.0.1', resolve));
    return started;
  }

  play(...scripts: readonly Script[]): void {
    this.#scripts = scripts;
    this.received.length = 0;
  }

  get config(): DynamoDBClientConfig {
    const { port } = this.#server.address() as AddressInfo;
    return {
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    };
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  /** Connections made so far. */
  get connections(): number {
    return this.#connections;
  }

  get operations(): readonly string[] {
    return this.received.map(({ operation }) => operation);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(message).catch(() => undefined);
    if (body === undefined) return;
    const target = String(message.headers['x-amz-target']);
    const request: ReceivedRequest = {
      operation: target.slice(target.indexOf('.') + 1),
      body: JSON.parse(body) as ReceivedRequest['body'],
      headers: message.headers,
    };
    this.received.push(request);
    const script = this.#scripts[this.received.length - 1] ?? this.#scripts.at(-1) ?? json({});
    script(response, request);
  }
}

export function json(body: object, status = 200): Script {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(body));
  };
}

/** An error of DynamoDB. */
export function awsError(status: number, type: string, more: object = {}): Script {
  return json({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: `scripted ${type}`, ...more }, status);
}

/** An answer of something else than DynamoDB. */
export function plain(status: number, body: string): Script {
  return (response) => {
    response.writeHead(status, { 'content-type': 'text/html' });
    response.end(body);
  };
}

/** Never answers. */
export const hang: Script = () => undefined;

/** Resets the connection, the request having been read. */
export const reset: Script = (response) => response.socket?.resetAndDestroy();

/** Ends the connection properly, without an answer. */
export const hangUp: Script = (response) => response.socket?.end();

/** Begins an answer and never ends it. */
export const halfAnAnswer: Script = (response) => {
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': '1000' });
  response.write('{"Item":');
};

/** Begins an answer and resets the connection. */
export const resetInAnswer: Script = (response) => {
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': '1000' });
  response.write('{"Item":', () => response.socket?.resetAndDestroy());
};

/** Answers as `script` does, once `release` is called. */
export function held(script: Script): { readonly script: Script; readonly release: () => void } {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  return { script: (response, request) => void released.then(() => script(response, request)), release };
}
