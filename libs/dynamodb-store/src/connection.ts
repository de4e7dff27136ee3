import {
  type $Command,
  DynamoDBClient,
  type DynamoDBClientConfig,
  type DynamoDBClientResolvedConfig,
  type ServiceInputTypes,
  type ServiceOutputTypes,
} from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { type StoreCall } from '@tidemark/cache';
import { type StoreOperation } from '@tidemark/cache/internals';
import { TidemarkError, withDeadline } from '@tidemark/runtime';
import { type DynamoDbStoreOptions, type ResolvedOptions } from './options.js';
import { toStoreError } from './store-error.js';

/** Named in errors. */
export interface Purpose {
  readonly table: string;
  readonly operation: StoreOperation;
}

/** Sends a command once. */
export type Send = <I extends ServiceInputTypes, O extends ServiceOutputTypes>(command: Command<I, O>) => Promise<O>;

type Command<I extends ServiceInputTypes, O extends ServiceOutputTypes> = $Command<
  I,
  O,
  DynamoDBClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes
>;

/** The client under Tidemark's rules: a request goes out once, ends by its time-out, and fails with a `TidemarkError`. */
export class Connection {
  readonly #client: DynamoDBClient;
  readonly #isOwn: boolean;
  readonly #options: ResolvedOptions;
  #closed = false;

  constructor({ client, config }: Pick<DynamoDbStoreOptions, 'client' | 'config'>, options: ResolvedOptions) {
    this.#client = client ?? new DynamoDBClient(clientConfig(config ?? {}, options));
    this.#isOwn = client === undefined;
    this.#options = options;
  }

  /** `request` sends one command and reads the answer; what it throws comes out as a `TidemarkError`. */
  async run<T>(purpose: Purpose, call: StoreCall, request: (send: Send) => Promise<T>): Promise<T> {
    const { timeoutMs, signal } = call;
    const what = `${purpose.operation} of table ${purpose.table}`;
    if (this.#closed) throw new TidemarkError('CLOSED', `${what}: the store is closed`, { retriable: false });
    if (timeoutMs <= 0)
      throw new TidemarkError('TIMEOUT', `${what} had no time left to be sent`, {
        retriable: true,
        context: { timeoutMs },
      });
    let sent = false;
    const fail = (error: unknown): never => {
      throw toStoreError(error, { ...purpose, sent });
    };
    return withDeadline({ clock: this.#options.clock, timeoutMs, what, signal }, (abortSignal) =>
      request((command) => {
        makeSingleAttempt(command, abortSignal, () => (sent = true));
        return this.#client.send(command, { abortSignal });
      }).catch(fail),
    ).catch(fail);
  }

  /** Requests under way fail, unless the client was handed over: that one stays open. Idempotent. */
  close(): void {
    if (!this.#closed && this.#isOwn) this.#client.destroy();
    this.#closed = true;
  }
}

function clientConfig(config: DynamoDBClientConfig, options: ResolvedOptions): DynamoDBClientConfig {
  const { socketsMax, connectionTimeoutMs, requestTimeoutMs } = options;
  const agent = { keepAlive: true, maxSockets: socketsMax };
  const pool = new NodeHttpHandler({
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    throwOnRequestTimeout: true,
    httpAgent: agent,
    httpsAgent: agent,
  });
  return { ...config, requestHandler: config.requestHandler ?? pool, maxAttempts: 1 };
}

/**
 * The SDK's own retries reuse the write id, so that a lost answer would look like a refusal. Its retrying middleware is replaced for this
 * one command: a client that is configured otherwise obeys too. `onSend` is called just before the request goes to the socket; one whose
 * deadline has passed by then, while credentials were fetched, does not go.
 */
function makeSingleAttempt<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
  { middlewareStack }: Command<I, O>,
  abortSignal: AbortSignal,
  onSend: () => void,
): void {
  middlewareStack.add((next) => (args) => next(args), {
    name: 'retryMiddleware',
    step: 'finalizeRequest',
    priority: 'high',
    override: true,
  });
  middlewareStack.add(
    (next) => (args) => {
      abortSignal.throwIfAborted();
      onSend();
      return next(args);
    },
    { name: 'tidemarkSend', step: 'deserialize', priority: 'low' },
  );
}
