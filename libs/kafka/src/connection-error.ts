import { isTidemarkError, messageOf, TidemarkError } from '@tidemark/runtime';
import { type KafkaConfig } from 'kafkajs';

/** How deep causes are followed. */
const depthMax = 8;

/** What Node says of a certificate that it does not take, or of an answer that is no TLS. */
const tlsCodes =
  /^(?:CERT_.+|.*SELF_SIGNED_CERT.*|UNABLE_TO_(?:GET|VERIFY|DECRYPT|DECODE)_.+|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_EXCEEDED|ERR_TLS_.+|ERR_SSL_.+|EPROTO)$/;

/** What Node says where the other end goes away in place of answering the first message of TLS; kafkajs keeps no more of it than the text. */
const noHandshake = /socket disconnected before secure TLS connection was established/;

/** What brokers answer where they log in nobody as it was asked for. */
const loginTypes: ReadonlySet<unknown> = new Set(['UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE']);

/** Of a connection that was closed after an alert of TLS: see `markTlsAlert`. */
const alerted = 'TLS_ALERT';

/**
 * What a connection fails with where its own options are to blame: `ACCESS_DENIED` naming `kafka.sasl`, `FEED_UNAVAILABLE` naming `kafka.ssl`;
 * anything else as it was. Never with a password.
 */
export function connectionError(error: unknown, { sasl }: Pick<KafkaConfig, 'sasl'>): unknown {
  if (isTidemarkError(error)) return error;
  const login = inCauses(error, ({ name, type }) => name === 'KafkaJSSASLAuthenticationError' || loginTypes.has(type));
  if (login !== undefined) return loginRefused(error, login, sasl);
  const tls = inCauses(
    error,
    ({ code, message }) => isTlsCode(code) || (code === 'ECONNRESET' && noHandshake.test(String(message))),
  );
  return tls === undefined ? error : tlsRefused(error, tls);
}

/**
 * Marks the `error` of a connection that was closed where all that had come over it is an alert of TLS: the broker speaks TLS there, and was sent plain
 * text. kafkajs takes the alert for the beginning of a long answer, and says of the connection what it says of any that is closed.
 */
export function markTlsAlert(error: unknown, connections: readonly { readonly chunks: readonly Buffer[] }[]): void {
  if (!(error instanceof Error) || error.name !== 'KafkaJSConnectionClosedError') return;
  if (connections.some(({ chunks }) => isTlsAlert(Buffer.concat(chunks)))) Object.assign(error, { code: alerted });
}

/** One record of the kind alert, in version 3.x, of two bytes: level and description. */
function isTlsAlert(bytes: Buffer): boolean {
  return bytes.length === 7 && bytes[0] === 21 && bytes[1] === 3 && bytes.readUInt16BE(3) === 2;
}

function isTlsCode(code: unknown): boolean {
  return typeof code === 'string' && (code === alerted || tlsCodes.test(code));
}

interface Fields {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  /** Kafka's name for it. */
  readonly type?: unknown;
  readonly cause?: unknown;
}

/** Some mechanisms have no user name. */
interface Login {
  readonly mechanism?: string;
  readonly username?: string;
}

function inCauses(error: unknown, is: (fields: Fields) => boolean, depth = 0): Fields | undefined {
  if (typeof error !== 'object' || error === null || depth > depthMax) return undefined;
  return is(error) ? error : inCauses((error as Fields).cause, is, depth + 1);
}

function loginRefused(cause: unknown, found: Fields, sasl: KafkaConfig['sasl']): TidemarkError {
  const { mechanism = 'none', username }: Login = sasl ?? {};
  const user = username === undefined ? '' : ` and user ${JSON.stringify(username)}`;
  const expected =
    found.type === 'ILLEGAL_SASL_STATE' ? 'brokers that take a login at this port' : 'a login that the brokers accept';
  return new TidemarkError(
    'ACCESS_DENIED',
    `kafka.sasl: expected ${expected}, got mechanism ${mechanism}${user}: ${messageOf(found)}`,
    { retriable: false, cause, context: { field: 'sasl', mechanism, username } },
  );
}

function tlsRefused(cause: unknown, found: Fields): TidemarkError {
  return new TidemarkError('FEED_UNAVAILABLE', `kafka.ssl: expected ${tlsExpected(found)}: ${messageOf(found)}`, {
    retriable: true,
    cause,
    context: { field: 'ssl', code: found.code },
  });
}

function tlsExpected({ code }: Fields): string {
  if (code === alerted) return 'TLS to be on, since the brokers speak it at this port, got none';
  if (isTlsCode(code)) return `brokers with a certificate that this process trusts, got ${String(code)}`;
  return 'brokers that speak TLS at this port, got a connection that was closed instead, as brokers that are stopping do, too';
}
