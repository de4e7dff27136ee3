import { describe, expect, it } from '@jest/globals';
import { nearest } from './nearest.js';

const words = ['TIDEMARK_REGION', 'TIDEMARK_KAFKA_SSL', 'TIDEMARK_KAFKA_BROKERS', 'TIDEMARK_HTTP_PORT'];

describe('nearest', () => {
  it.each([
    ['TIDEMARK_REGOIN', 'TIDEMARK_REGION'],
    ['TIDEMARK_KAFKA_BROKER', 'TIDEMARK_KAFKA_BROKERS'],
    ['TIDEMARK_KAKFA_BROKERS', 'TIDEMARK_KAFKA_BROKERS'],
    ['TIDEMARK_HTTPPORT', 'TIDEMARK_HTTP_PORT'],
    ['TIDEMARK_SOMETHING_ELSE_ENTIRELY', undefined],
    ['', undefined],
    ['T'.repeat(100_000), undefined],
  ])('of %.30s is %s', (word, expected) => {
    expect(nearest(word, words)).toBe(expected);
  });

  it('of two equally near is the first', () => {
    expect(nearest('abcd', ['abcx', 'abcy'])).toBe('abcx');
  });
});
