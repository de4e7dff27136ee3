import { isTidemarkError, messageOf, TidemarkError } from '@tidemark/runtime';
import { type KafkaConfig } from 'kafkajs';

/** How deep causes are followed. */
const depthMax = 8;

/** What Node says of a certificate that it does not take, or of an answer that is no TLS. */
const tlsCodes =
  /^(?:CERT_.+|.*SELF_SIGNED_CERT.*|UNABLE_TO_(?:GET|VERIFY|DECRYPT|DECODE)_.+|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_EXCEEDED|ERR_TLS_.+|ERR_SSL_.+|EPROTO)$/;

/**
 * What a connection fails with where its own options are to blame: `ACCESS_DENIED` naming `kafka.sasl`, `FEED_UNAVAILABLE` naming `kafka.ssl`;
 * anything else as it was. Never with a password.
 */
export function connectionError(error: unknown, { sasl }: Pick<KafkaConfig, 'sasl'>): unknown {
  if (isTidemarkError(error)) return error;
  const login = inCauses(error, ({ name }) => name === 'KafkaJSSASLAuthenticationError');
  if (login !== undefined) return loginRefused(error, messageOf(login), sasl);
  const tls = inCauses(error, ({ code }) => typeof code === 'string' && tlsCodes.test(code));
  return tls === undefined ? error : tlsRefused(error, messageOf(tls), String((tls as Fields).code));
}

interface Fields {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
}

/** Some mechanisms have no user name. */
interface Login {
  readonly mechanism?: string;
  readonly username?: string;
}

function inCauses(error: unknown, is: (fields: Fields) => boolean, depth = 0): unknown {
  if (typeof error !== 'object' || error === null || depth > depthMax) return undefined;
  return is(error) ? error : inCauses((error as Fields).cause, is, depth + 1);
}

function loginRefused(cause: unknown, said: string, sasl: KafkaConfig['sasl']): TidemarkError {
  const { mechanism = 'none', username }: Login = sasl ?? {};
  const user = username === undefined ? '' : ` and user ${JSON.stringify(username)}`;
  return new TidemarkError(
    'ACCESS_DENIED',
    `kafka.sasl: expected a login that the brokers accept, got mechanism ${mechanism}${user}: ${said}`,
    { retriable: false, cause, context: { field: 'sasl', mechanism, username } },
  );
}

function tlsRefused(cause: unknown, said: string, code: string): TidemarkError {
  return new TidemarkError(
    'FEED_UNAVAILABLE',
    `kafka.ssl: expected brokers with a certificate that this process trusts, got ${code}: ${said}`,
    { retriable: true, cause, context: { field: 'ssl', code } },
  );
}
