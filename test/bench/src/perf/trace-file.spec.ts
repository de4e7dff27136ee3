import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readTrace, traceFiles } from './trace-file.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-traces-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(format: string, name: string, bytes: string | Buffer): void {
  mkdirSync(join(folder, format), { recursive: true });
  writeFileSync(join(folder, format, name), bytes);
}

function read(format: string, bytes: string | Buffer, requestsMax = 100): { requests: number[]; keys: number } {
  write(format, 'a.trace', bytes);
  const { requests, keys } = readTrace({ format, path: join(folder, format, 'a.trace') }, requestsMax);
  return { requests: [...requests], keys };
}

describe('readTrace', () => {
  it.each<[string, string | Buffer, number[]]>([
    ['arc', '5 3 0 0\n6 1 0 1\n', [0, 1, 2, 1]],
    ['lirs', '10\n7\n*\n10\n', [0, 1, 0]],
    ['address', 's 0x1fffff50 1\nl 0x1fffff58 2\r\nl 0x1fffff50 1', [0, 1, 0]],
    ['adapt_size', '1 5 100\n2 5 200\n3 5 100\n', [0, 1, 0]],
    ['gradle', 'ab12\nab13\n\nab12\n', [0, 1, 0]],
    ['cache2k', Buffer.of(1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0), [0, 1, 0]],
    ['corda', Buffer.of(0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0, 201), [0, 1]],
  ])('reads %s', (format, bytes, requests) => {
    expect(read(format, bytes)).toEqual({ requests, keys: Math.max(...requests) + 1 });
  });

  it('reads what is packed, and no more than is asked for', () => {
    write('lirs', 'b.trace.gz', gzipSync('1\n2\n3\n4\n'));
    const { requests, keys } = readTrace({ format: 'lirs', path: join(folder, 'lirs', 'b.trace.gz') }, 3);
    expect([[...requests], keys]).toEqual([[0, 1, 2], 3]);
    expect(read('arc', '0 1000000000 0 0\n', 5).requests).toEqual([0, 1, 2, 3, 4]);
  });

  it.each([
    ['arc', 'a b\n'],
    ['lirs', '1\n{}\n'],
    ['address', 'x 0x1 1\n'],
    ['gradle', 'not a hash\n'],
    ['cache2k', 'abc'],
  ])('refuses what is no %s', (format, bytes) => {
    expect(() => read(format, bytes)).toThrow(new RegExp(`a\\.trace is no trace in the format ${format}$`));
  });
});

describe('traceFiles', () => {
  it('finds traces by the folders that they lie in, and nothing else there', () => {
    for (const name of ['multi1.trace.gz', 'README', 'ATraceReader.class', 'web.trace.xz']) write('lirs', name, '');
    write('scarab', 'recs.trace.20160808T073231Z', '');
    write('other', 'a.trace', '');
    expect(traceFiles(folder).map(({ name, format }) => [name, format])).toEqual([
      ['lirs-multi1', 'lirs'],
      ['scarab-recs-20160808t073231z', 'scarab'],
    ]);
  });

  it('wants some where it is asked for some', () => {
    expect(traceFiles(undefined)).toEqual([]);
    expect(() => traceFiles(folder)).toThrow(/--traces: expected traces in arc\/, .* found none/);
  });
});
