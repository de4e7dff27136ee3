import { ApiHeader, ApiParam, ApiQuery } from '@nestjs/swagger';
import { type RoutingTable } from '@tidemark/control';
import { isTidemarkError } from '@tidemark/runtime';

/** A writer that was superseded refuses this change, for it was decided on older knowledge, and takes over for the next one. */
export async function changed<T>(table: RoutingTable, change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    const superseded = isTidemarkError(error, 'ROUTE_CONFLICT') && error.context['reason'] === 'superseded';
    if (superseded) await table.takeOver().catch(() => undefined);
    throw error;
  }
}

/** What the controller uses of a response. */
export interface ResponseHead {
  status(code: number): unknown;
  setHeader(name: string, value: string): unknown;
}

export const etag = { description: 'The version, quoted.', schema: { type: 'string' }, example: '"3"' } as const;
export const ifMatch = {
  name: 'If-Match',
  description: 'Version to replace, as the ETag says it.',
  example: '"3"',
} as const;
export const tableParam = ApiParam({ name: 'table', description: 'DynamoDB table.', example: 'users' });
export const actorHeader = ApiHeader({
  name: 'X-Tidemark-Actor',
  required: false,
  description: 'Who asks, for the record; taken on trust. 1 to 64 printable ASCII characters.',
  example: 'jane@example.com',
});
export const dryRunQuery = ApiQuery({
  name: 'dryRun',
  required: false,
  enum: ['true', 'false'],
  description: 'Works the change out and makes none.',
});
