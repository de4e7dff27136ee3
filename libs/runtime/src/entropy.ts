import { randomBytes, randomUUID } from 'node:crypto';

/** Chance as Tidemark sees it; injected wherever it decides something, so that a test owns it. */
export interface Entropy {
  /** Uniform in [0, 1). */
  random(): number;
  /** A UUID that nobody else draws. */
  uuid(): string;
  /** So many hex digits, lower case; an even number. */
  hex(digits: number): string;
}

export const systemEntropy: Entropy = {
  random: () => Math.random(),
  uuid: () => randomUUID(),
  hex: (digits) => randomBytes(digits / 2).toString('hex'),
};
