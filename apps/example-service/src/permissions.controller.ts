import {
  BadRequestException,
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Put,
  Query,
} from '@nestjs/common';
import { type WriteReceipt } from '@tidemark/cache';
import { parsePermission } from './parse-permission.js';
import { type Permission } from './permissions.cache.js';
import { PermissionsService } from './permissions.service.js';

/** Permissions by app id. */
@Controller('permissions')
export class PermissionsController {
  constructor(private readonly permissions: PermissionsService) {}

  /** `?ids=a,b,c`: those of them that exist. */
  @Get()
  async many(@Query('ids') ids?: unknown): Promise<Record<string, Permission>> {
    if (typeof ids !== 'string' || ids === '')
      throw new BadRequestException('ids: expected app ids, separated by commas');
    return Object.fromEntries(await this.permissions.getMany(ids.split(',')));
  }

  @Get(':appId')
  async one(@Param('appId') appId: string): Promise<Permission> {
    const permission = await this.permissions.get(appId);
    if (permission === undefined) throw new NotFoundException(`app ${appId} has no permissions`);
    return permission;
  }

  @Put(':appId')
  async put(@Param('appId') appId: string, @Body() body: unknown): Promise<WriteReceipt> {
    return this.permissions.put(appId, parsePermission(body));
  }

  @Delete(':appId')
  @HttpCode(200)
  async delete(@Param('appId') appId: string): Promise<WriteReceipt> {
    return this.permissions.delete(appId);
  }
}
