import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { type Payload } from '@tidemark/protocol';

/** Follows the codec's name in the item where the payload is compressed. */
const suffix = '+br';

/** What a compressed payload may grow to, bytes: many times what an item holds, and little enough to meet a forged one with. */
export const decompressedBytesMax = 4 * 1_024 * 1_024;

/** A payload that gets no smaller than this share of itself is stored as it is. */
const worthwhileShare = 0.9;

/** Of what Node 20 has it makes 4 to 64 KB of JSON smallest for the time it takes, and takes a millisecond at the limit. */
const quality = 4;

/** The payload in Brotli; `undefined`: it is shorter than `fromBytes`, or hardly gets smaller. */
export function compress(payload: Payload, fromBytes: number): Uint8Array | undefined {
  if (payload.length * 3 < fromBytes) return undefined;
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'utf8') : payload;
  if (bytes.byteLength < fromBytes || bytes.byteLength > decompressedBytesMax) return undefined;
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength };
  const compressed = brotliCompressSync(bytes, { params });
  return compressed.byteLength <= bytes.byteLength * worthwhileShare ? compressed : undefined;
}

/** Throws on what is no Brotli, or grows beyond the limit. */
export function decompress(payload: Payload): Uint8Array {
  if (typeof payload === 'string') throw new TypeError('expected bytes, got a text');
  return brotliDecompressSync(payload, { maxOutputLength: decompressedBytesMax });
}

export function compressedName(codec: string): string {
  return `${codec}${suffix}`;
}

/** The codec's own name, and whether the payload is compressed. */
export function partsOfName(codec: string): { readonly name: string; readonly isCompressed: boolean } {
  const isCompressed = codec.endsWith(suffix);
  return { name: isCompressed ? codec.slice(0, -suffix.length) : codec, isCompressed };
}
