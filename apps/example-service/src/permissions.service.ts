import { Injectable } from '@nestjs/common';
import { Cache, type Duration, type VersionToken, type Visible, type WriteReceipt } from '@tidemark/cache';
import { InjectCache } from '@tidemark/nest';
import { type Permission, permissions } from './permissions.cache.js';

@Injectable()
export class PermissionsService {
  constructor(@InjectCache(permissions) private readonly permissions: Cache<Permission>) {}

  get(appId: string, atLeast?: VersionToken): Promise<Permission | undefined> {
    return this.permissions.get(appId, atLeast === undefined ? {} : { atLeast });
  }

  getMany(appIds: readonly string[]): Promise<ReadonlyMap<string, Permission>> {
    return this.permissions.getMany(appIds);
  }

  put(appId: string, permission: Permission): Promise<WriteReceipt> {
    return this.permissions.put(appId, permission);
  }

  whenVisible(token: VersionToken, timeout: Duration): Promise<Visible> {
    return this.permissions.whenVisible(token, { timeout });
  }

  load(appId: string): Promise<Permission | undefined> {
    return this.permissions.getOrLoad(appId, askRegistration);
  }

  invalidate(appId: string): Promise<void> {
    return this.permissions.invalidate([appId]);
  }

  delete(appId: string): Promise<WriteReceipt> {
    return this.permissions.delete(appId);
  }
}

/** Stands for a slow call to the system that registers apps. */
async function askRegistration(appId: string): Promise<Permission> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { roles: [`guest of ${appId}`.slice(0, 64)] };
}
