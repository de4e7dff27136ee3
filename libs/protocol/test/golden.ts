import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';

export const goldenFolder = join(import.meta.dirname, '..', 'golden');

/** The text of a golden file. */
export function readGolden(name: string): string {
  return readFileSync(join(goldenFolder, name), 'utf8');
}

/**
 * Compares `actual` with the golden file byte for byte. With `TIDEMARK_TEST_GOLDEN=write` it writes the file instead, so that a change of bytes
 * shows in the diff of a review.
 */
export function expectGolden(name: string, actual: unknown): void {
  const text = `${JSON.stringify(actual, null, 2)}\n`;
  const path = join(goldenFolder, name);
  if (process.env['TIDEMARK_TEST_GOLDEN'] === 'write') {
    mkdirSync(goldenFolder, { recursive: true });
    writeFileSync(path, text);
  }
  const golden = existsSync(path) ? readFileSync(path, 'utf8') : '';
  try {
    expect(text).toBe(golden);
  } catch (error) {
    throw new Error(
      `The bytes of golden/${name} have changed: processes of another release may not read them. If that is meant, run\n` +
        `  TIDEMARK_TEST_GOLDEN=write npm test -w @tidemark/protocol -- golden\nand have the difference reviewed.`,
      { cause: error },
    );
  }
}

/** Bytes as a golden file shows them: readable where they are text, exact either way. */
export interface ShownBytes {
  readonly text: string;
  readonly hex: string;
}

export function show(bytes: Uint8Array | string | null): ShownBytes | null {
  if (bytes === null) return null;
  const buffer = Buffer.from(bytes);
  return { text: buffer.toString('utf8'), hex: buffer.toString('hex') };
}

export function unshow(shown: ShownBytes | null): Buffer | null {
  return shown === null ? null : Buffer.from(shown.hex, 'hex');
}
