import { Injectable } from '@nestjs/common';
import { Cache, type WriteReceipt } from '@tidemark/cache';
import { InjectCache } from '@tidemark/nest';
import { type Permission, permissions } from './permissions.cache.js';

@Injectable()
export class PermissionsService {
  constructor(@InjectCache(permissions) private readonly permissions: Cache<Permission>) {}

  get(appId: string): Promise<Permission | undefined> {
    return this.permissions.get(appId);
  }

  getMany(appIds: readonly string[]): Promise<ReadonlyMap<string, Permission>> {
    return this.permissions.getMany(appIds);
  }

  put(appId: string, permission: Permission): Promise<WriteReceipt> {
    return this.permissions.put(appId, permission);
  }

  delete(appId: string): Promise<WriteReceipt> {
    return this.permissions.delete(appId);
  }
}
