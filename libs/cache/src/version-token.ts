import { TidemarkError } from '@tidemark/runtime';

/**
 * Names one write, so that another process can ask for a state that is not older: `get(key, { atLeast: token })`. Safe in an HTTP header;
 * opaque to everybody but Tidemark.
 */
export type VersionToken = string & { readonly __versionToken: true };

export interface TokenParts {
  readonly table: string;
  readonly itemKey: string;
  /** Region of the replica that took the write. */
  readonly region: string;
  /** `null`: a delete that removed the item. */
  readonly writeId: string | null;
  /** When the write was acknowledged, by its pod's clock; ms since the epoch. */
  readonly at: number;
}

const version = 1;
/** A key of 2,048 bytes, each of which JSON writes as six and base64 as eight, fits beside the rest. */
const tokenCharsMax = 20_000;

export function encodeToken({ table, itemKey, region, writeId, at }: TokenParts): VersionToken {
  const text = JSON.stringify([version, table, itemKey, region, writeId, at]);
  return Buffer.from(text, 'utf8').toString('base64url') as VersionToken;
}

/** Throws `INVALID_TOKEN` for anything that `encodeToken` did not make. */
export function decodeToken(token: unknown): TokenParts {
  const [v, table, itemKey, region, writeId, at] = fieldsOf(token);
  if (v !== version)
    throw invalidToken(`expected a token of version ${version}, got version ${String(v).slice(0, 32)}`);
  if (
    [table, itemKey, region].every((text) => typeof text === 'string') &&
    (writeId === null || typeof writeId === 'string') &&
    Number.isSafeInteger(at)
  )
    return { table, itemKey, region, writeId, at } as TokenParts;
  throw invalidToken('expected a token of a write, got one with a broken field');
}

function fieldsOf(token: unknown): readonly unknown[] {
  if (typeof token !== 'string' || token.length > tokenCharsMax)
    throw invalidToken(
      `expected a token of a write, got ${typeof token === 'string' ? 'a longer text' : typeof token}`,
    );
  try {
    const fields: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (Array.isArray(fields)) return fields;
  } catch {
    // Not a token, like anything else that is no list.
  }
  throw invalidToken('expected a token of a write, got other text');
}

export function invalidToken(reason: string): TidemarkError {
  return new TidemarkError('INVALID_TOKEN', reason, { retriable: false });
}
