import { type Route } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';

export function notOpen(): TidemarkError {
  return new TidemarkError('CLOSED', 'the routing table is not open', { retriable: true });
}

export function superseded(byEpoch: number): TidemarkError {
  return new TidemarkError('ROUTE_CONFLICT', 'another writer has taken the routing table over', {
    retriable: true,
    context: { reason: 'superseded', byEpoch },
  });
}

/** `problem`: why nobody can be elected at present. */
export function notWriter(leader: string | undefined, problem: string | undefined): TidemarkError {
  const who =
    leader === undefined
      ? `which process writes the routing table is being decided${problem === undefined ? '' : ` (${problem})`}`
      : `${leader} writes the routing table`;
  return new TidemarkError('NOT_WRITER', `${who}; this one only reads it`, {
    retriable: true,
    context: leader === undefined ? {} : { leader },
  });
}

export function unsupportedRecords(reason: string): TidemarkError {
  const message = `the routing topic holds records that this release cannot read (${reason}); upgrade it first`;
  return new TidemarkError('UNSUPPORTED_VERSION', message, { retriable: false, context: { reason } });
}

export function notSeen(route: Route): TidemarkError {
  return new TidemarkError('PUBLISH_FAILED', `the route of ${route.table} was appended and did not come back`, {
    retriable: true,
    context: { table: route.table, version: route.version },
  });
}
