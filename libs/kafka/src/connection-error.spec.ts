import { describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { connectionError } from './connection-error.js';

const sasl = { mechanism: 'scram-sha-512', username: 'sync', password: 'hunter2' } as const;
const named = (name: string, more: object = {}): Error => Object.assign(new Error(`said ${name}`), { name, ...more });
const retried = (cause: unknown): Error => Object.assign(new Error('retried'), { cause });

describe('a connection that fails', () => {
  it('names the login where the brokers refused it, and never the password', () => {
    const error = connectionError(retried(named('KafkaJSSASLAuthenticationError')), { sasl });
    expect(error).toMatchObject({
      code: 'ACCESS_DENIED',
      retriable: false,
      context: { field: 'sasl', mechanism: 'scram-sha-512', username: 'sync' },
    });
    expect(String(error)).toMatch(/kafka\.sasl: expected .* got mechanism scram-sha-512 and user "sync": said/);
    expect(JSON.stringify(error) + String(error)).not.toContain('hunter2');
  });

  it.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ])('names TLS for %s, however deep it lies', (code) => {
    expect(connectionError(retried(retried(named('KafkaJSConnectionError', { code }))), {})).toMatchObject({
      code: 'FEED_UNAVAILABLE',
      retriable: true,
      context: { field: 'ssl', code },
    });
  });

  it.each(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', undefined])('is told as it was for %s', (code) => {
    const error = named('KafkaJSConnectionError', { code });
    expect(connectionError(error, { sasl })).toBe(error);
  });

  it('is told as it was where it has been told already, or is no error, or its causes go in a circle', () => {
    const told = new TidemarkError('TIMEOUT', 'late', { retriable: true });
    const round = new Error('round');
    round.cause = round;
    for (const error of [told, round, 'text', undefined]) expect(connectionError(error, { sasl })).toBe(error);
  });
});
