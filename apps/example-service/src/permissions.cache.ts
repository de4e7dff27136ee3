import { defineCache } from '@tidemark/cache';
import { z } from 'zod';

/** What an app may do. */
export const Permission = z.object({ roles: z.array(z.string().min(1).max(64)).max(100) });
export type Permission = z.infer<typeof Permission>;

export const permissions = defineCache({
  name: 'permissions',
  table: 'permissions',
  schema: Permission,
  maxEntries: 100_000,
  maxSize: '256mb',
});
