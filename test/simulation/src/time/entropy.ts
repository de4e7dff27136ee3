import { createRequire } from 'node:module';

/** What the product draws from the operating system; here a seed decides it. */
export interface EntropySource {
  hex(digits: number): string;
  /** Uniform in [0, 1). */
  next(): number;
}

let source: EntropySource | undefined;

/** Who is asked from now on; `undefined`: the operating system. */
export function drawFrom(next: EntropySource | undefined): void {
  source = next;
}

/** A number in [0, 1) from the present source. */
export function draw(): number {
  if (source === undefined) throw new Error('nobody knows on whose behalf this is drawn');
  return source.next();
}

interface Crypto {
  randomBytes(size: number): Buffer;
  randomUUID(): string;
}

// Before anything imports node:crypto by name: a setup file of the test runner.
const crypto = createRequire(import.meta.url)('node:crypto') as Crypto;
const real: Crypto = { randomBytes: crypto.randomBytes, randomUUID: crypto.randomUUID };

crypto.randomBytes = (size) =>
  source === undefined ? real.randomBytes(size) : Buffer.from(source.hex(2 * size), 'hex');
crypto.randomUUID = () => {
  if (source === undefined) return real.randomUUID();
  const hex = source.hex(30);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(12, 15)}-a${hex.slice(15, 18)}-${hex.slice(18)}`;
};
