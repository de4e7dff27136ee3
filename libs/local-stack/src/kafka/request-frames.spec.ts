import { describe, expect, it } from '@jest/globals';
import { RequestFrames } from './request-frames.js';
import { MalformedRequest } from './wire-reader.js';

function frame(text: string): Buffer {
  const body = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

const requests = ['a'.repeat(10), 'b'.repeat(300), 'c'.repeat(11)];
const stream = Buffer.concat(requests.map(frame));

describe('RequestFrames', () => {
  it.each([1, 2, 3, 5, 13, 14, 15, 100, stream.length])('finds the requests in pieces of %i bytes', (size) => {
    const frames = new RequestFrames(1_000);
    const found: string[] = [];
    for (let at = 0; at < stream.length; at += size) {
      found.push(...frames.push(stream.subarray(at, at + size)).map(String));
    }
    expect(found).toEqual(requests);
  });

  it.each([-1, 0, 9, 1_001, 0x7fff_ffff])('refuses a length of %i before any of it has come', (length) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(length);
    expect(() => new RequestFrames(1_000).push(bytes)).toThrow(MalformedRequest);
  });
});
