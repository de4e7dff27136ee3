import { EventEmitter } from 'node:events';
import { type IncomingHttpHeaders } from 'node:http';
import { type Readable } from 'node:stream';

/** One HTTP request to a service of AWS, received in full. */
export interface ServiceRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The operation's name, from `x-amz-target`; empty when there is none. */
  readonly operation: string;
  readonly body: Buffer;
}

export interface ServiceReply {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** A reply whose body is sent on as it comes, for as long as it lasts. */
export interface StreamedReply extends Omit<ServiceReply, 'body'> {
  readonly stream: Readable;
}

/** The request listener of a `node:http` server; only the members that `callListener` provides may be used. */
export type Listener = (request: unknown, response: unknown) => void;

/**
 * Runs an emulator's request listener on a request that is already complete. The emulators rethrow the error of a socket, which ends the
 * process when a client hangs up during an upload; here they never see a socket. What a listener throws rejects.
 */
export function callListener(listener: Listener, request: ServiceRequest): Promise<ServiceReply> {
  return new Promise((resolve) => {
    const incoming = Object.assign(new EventEmitter(), {
      method: request.method,
      url: request.url,
      headers: request.headers,
    });
    listener(incoming, new CapturedResponse(resolve));
    if (request.body.length > 0) incoming.emit('data', request.body);
    incoming.emit('end');
  });
}

class CapturedResponse {
  statusCode = 200;
  /** Kept here by the emulators between two of their functions. */
  contentType = '';
  readonly #headers: Record<string, string> = {};
  readonly #resolve: (reply: ServiceReply) => void;

  constructor(resolve: (reply: ServiceReply) => void) {
    this.#resolve = resolve;
  }

  setHeader(name: string, value: string | number): void {
    const lower = name.toLowerCase();
    if (lower !== 'content-length' && lower !== 'transfer-encoding') this.#headers[lower] = String(value);
  }

  end(body: string | Buffer = ''): void {
    this.#resolve({ statusCode: this.statusCode, headers: this.#headers, body });
  }
}
