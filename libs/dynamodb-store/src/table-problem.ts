import { type TableDescription } from '@aws-sdk/client-dynamodb';
import { attributes } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';

const usable: readonly string[] = ['ACTIVE', 'UPDATING'];
const expectedKey = `${attributes.key} (HASH, S)`;

/** Why the table cannot hold a cache, or `undefined` when it can. */
export function tableProblem(table: string, description: TableDescription | undefined): TidemarkError | undefined {
  const status = description?.TableStatus ?? 'none';
  if (!usable.includes(status))
    return problem('TABLE_MISSING', table, { field: 'status', expected: usable.join(' or '), got: status }, true);
  const got = keySchema(description);
  return got === expectedKey
    ? undefined
    : problem('INVALID_CONFIGURATION', table, { field: 'key schema', expected: expectedKey, got }, false);
}

function keySchema(description: TableDescription | undefined): string {
  const types = new Map(
    description?.AttributeDefinitions?.map((attribute) => [attribute.AttributeName, attribute.AttributeType]),
  );
  const parts = description?.KeySchema?.map(
    ({ AttributeName: name, KeyType: kind }) => `${name} (${kind}, ${types.get(name) ?? 'no type'})`,
  );
  return parts?.join(', ') ?? 'none';
}

function problem(
  code: 'TABLE_MISSING' | 'INVALID_CONFIGURATION',
  table: string,
  mismatch: { readonly field: string; readonly expected: string; readonly got: string },
  retriable: boolean,
): TidemarkError {
  const { field, expected, got } = mismatch;
  return new TidemarkError(code, `table ${table}: expected ${field} ${expected}, got ${got}`, {
    retriable,
    context: { table, ...mismatch },
  });
}
