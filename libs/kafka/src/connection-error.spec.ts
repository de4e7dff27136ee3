import { describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { connectionError, markTlsAlert } from './connection-error.js';

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
    ['UNSUPPORTED_SASL_MECHANISM', 33, 'a login that the brokers accept'],
    ['ILLEGAL_SASL_STATE', 34, 'brokers that take a login at this port'],
  ])('names the login where the brokers answer %s', (type, code, expected) => {
    const error = connectionError(retried(named('KafkaJSProtocolError', { type, code })), { sasl });
    expect(error).toMatchObject({ code: 'ACCESS_DENIED', retriable: false, context: { field: 'sasl' } });
    expect(String(error)).toContain(
      `kafka.sasl: expected ${expected}, got mechanism scram-sha-512 and user "sync": said`,
    );
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

  it('names TLS where the other end closes the connection in place of it', () => {
    const said = 'Client network socket disconnected before secure TLS connection was established';
    const closed = Object.assign(new Error(`Connection error: ${said}`), { code: 'ECONNRESET' });
    const error = connectionError(Object.assign(retried(closed), { message: closed.message }), {});
    expect(error).toMatchObject({
      code: 'FEED_UNAVAILABLE',
      retriable: true,
      context: { field: 'ssl', code: 'ECONNRESET' },
    });
    expect(String(error)).toMatch(
      /kafka\.ssl: expected brokers that speak TLS at this port, got a connection .* closed/,
    );
  });

  describe('that the broker has closed', () => {
    const alert = Buffer.from('15030300020250', 'hex');
    const closed = (name: string, ...chunks: readonly Buffer[]): unknown => {
      const error = named(name);
      markTlsAlert(error, [{ chunks: [] }, { chunks }]);
      return connectionError(retried(error), {});
    };

    it.each([[[alert]], [[alert.subarray(0, 3), alert.subarray(3)]]])(
      'names TLS where it sent an alert: %j',
      (chunks) => {
        const error = closed('KafkaJSConnectionClosedError', ...chunks);
        expect(error).toMatchObject({ code: 'FEED_UNAVAILABLE', retriable: true, context: { field: 'ssl' } });
        expect(String(error)).toMatch(/kafka\.ssl: expected TLS to be on, .* got none: said/);
      },
    );

    it.each([
      ['nothing', ''],
      ['half an alert', '150303'],
      ['the beginning of an answer', '00000100000000'],
      ['an answer of the length of an alert', '00000003020250'],
      ['more than an alert', '1503030002025000'],
    ])('is told as it was after %s', (_, bytes) => {
      const error = closed('KafkaJSConnectionClosedError', Buffer.from(bytes, 'hex'));
      expect(error).toMatchObject({ message: 'retried' });
    });

    it('is told as it was where it failed otherwise', () => {
      expect(closed('KafkaJSRequestTimeoutError', alert)).toMatchObject({ message: 'retried' });
      expect(() => markTlsAlert('text', [{ chunks: [alert] }])).not.toThrow();
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
