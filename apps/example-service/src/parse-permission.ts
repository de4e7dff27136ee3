import { BadRequestException } from '@nestjs/common';
import { Permission } from './permissions.cache.js';

/** A request's body as a permission; answers 400 with every issue. */
export function parsePermission(body: unknown): Permission {
  const parsed = Permission.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new BadRequestException(
    parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`),
  );
}
