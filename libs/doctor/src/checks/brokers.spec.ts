import { describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { brokersCheck } from './brokers.js';

const silent = new TidemarkError('TIMEOUT', 'kafka admin call took longer than 8000 ms', { retriable: true });

/** What is told of `named`, where those of `cluster` answer and tell of `advertised`. */
async function told(named: readonly string[], cluster: readonly string[], advertised = cluster): Promise<string[]> {
  const ask = (address: string): Promise<readonly string[]> =>
    cluster.includes(address) ? Promise.resolve(advertised) : Promise.reject(silent);
  const findings = await brokersCheck(named, ask).run(new AbortController().signal);
  for (const { status, remedy } of findings) expect([status, remedy !== undefined]).toEqual([status, status !== 'ok']);
  return findings.map(({ status, subject }) => `${status}: ${subject}`);
}

describe('the check of brokers', () => {
  it('connects to those that were named and to those that they tell of', async () => {
    expect(await told(['a:1'], ['a:1', 'b:1', 'c:1'])).toEqual(['ok: a:1', 'ok: b:1', 'ok: c:1']);
  });

  it('warns of one that was named and is no part of the cluster, since processes go on to the next', async () => {
    expect(await told(['gone:1', 'a:1'], ['a:1'])).toEqual(['warning: gone:1', 'ok: a:1']);
  });

  it('has a problem with one of the cluster that this host does not reach, named or learnt', async () => {
    expect(await told(['a:1', 'b:1'], ['a:1'], ['a:1', 'b:1', 'c:1'])).toEqual([
      'ok: a:1',
      'problem: b:1',
      'problem: c:1',
    ]);
  });

  it('blames none that answers for not knowing the others', async () => {
    expect(await told(['a:1'], ['a:1'], [])).toEqual(['ok: a:1']);
  });

  it('knows nothing where none answers', async () => {
    expect(await told(['a:1', 'b:1'], [])).toEqual(['unknown: a:1', 'unknown: b:1']);
  });

  it('connects to a bounded number', async () => {
    const cluster = Array.from({ length: 300 }, (_, at) => `b${at}:1`);
    expect(await told(['b0:1'], cluster)).toHaveLength(101);
  });
});
