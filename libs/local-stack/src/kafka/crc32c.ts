/** The Castagnoli polynomial, bits reversed. */
const polynomial = 0x82f63b78;

/** Eight tables of 256, one after another: table `n` advances a byte that `n` further bytes follow. */
const tables = makeTables();

/** CRC-32C, the checksum of record batches; unsigned. Eight bytes at a time. */
export function crc32c(bytes: Uint8Array): number {
  const t = tables;
  const end = bytes.length;
  const wordsEnd = end - (end % 8);
  let crc = 0xffffffff;
  let at = 0;
  for (; at < wordsEnd; at += 8) {
    const low =
      crc ^
      (byteAt(bytes, at) |
        (byteAt(bytes, at + 1) << 8) |
        (byteAt(bytes, at + 2) << 16) |
        (byteAt(bytes, at + 3) << 24));
    crc =
      byteAt(t, 1792 + (low & 0xff)) ^
      byteAt(t, 1536 + ((low >>> 8) & 0xff)) ^
      byteAt(t, 1280 + ((low >>> 16) & 0xff)) ^
      byteAt(t, 1024 + (low >>> 24)) ^
      byteAt(t, 768 + byteAt(bytes, at + 4)) ^
      byteAt(t, 512 + byteAt(bytes, at + 5)) ^
      byteAt(t, 256 + byteAt(bytes, at + 6)) ^
      byteAt(t, byteAt(bytes, at + 7));
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ byteAt(t, (crc ^ byteAt(bytes, at)) & 0xff);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Indices here are in range by construction. */
function byteAt(bytes: Uint8Array | Uint32Array, index: number): number {
  return bytes[index] as number;
}

function makeTables(): Uint32Array {
  const made = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    made[byte] = crc >>> 0;
  }
  for (let at = 256; at < made.length; at += 1) {
    const previous = byteAt(made, at - 256);
    made[at] = (previous >>> 8) ^ byteAt(made, previous & 0xff);
  }
  return made;
}
