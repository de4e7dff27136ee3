import { TidemarkError } from '@tidemark/runtime';

export const notFoundExample = new TidemarkError('ROUTE_NOT_FOUND', 'users has no route', { retriable: false });

export const invalidExample = new TidemarkError(
  'ROUTE_INVALID',
  'topics[0]: expected a topic that starts with tidemark.cache., or one the configuration allows',
  { retriable: false, context: { field: 'topics[0]', rule: 'topic-prefix' } },
);

export const unavailableExample = new TidemarkError('FEED_UNAVAILABLE', 'kafka: no broker answers', {
  retriable: true,
});

export function conflictExample(reason: 'version' | 'superseded'): TidemarkError {
  return reason === 'version'
    ? new TidemarkError('ROUTE_CONFLICT', 'users is at version 3, not 2', {
        retriable: false,
        context: { reason, currentVersion: 3 },
      })
    : new TidemarkError('ROUTE_CONFLICT', 'another writer has taken the routing table over', {
        retriable: true,
        context: { reason },
      });
}
