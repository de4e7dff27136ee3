import {
  BadRequestException,
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  Put,
  Query,
} from '@nestjs/common';
import { type Duration, type VersionToken, type Visible, type WriteReceipt } from '@tidemark/cache';
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

  /** Header `at-least`: the token of a write, by whichever pod; what is answered is not older. */
  @Get(':appId')
  async one(@Param('appId') appId: string, @Headers('at-least') token?: string): Promise<Permission> {
    const permission = await this.permissions.get(appId, token as VersionToken | undefined);
    if (permission === undefined) throw new NotFoundException(`app ${appId} has no permissions`);
    return permission;
  }

  /** `?visibleWithin=2s`: answers once every pod of the region reads the write, or fails with 504; the write itself stands then. */
  @Put(':appId')
  async put(
    @Param('appId') appId: string,
    @Body() body: unknown,
    @Query('visibleWithin') visibleWithin?: unknown,
  ): Promise<WriteReceipt & { readonly visible?: Visible }> {
    const within = visibleWithin === undefined ? undefined : parseWithin(visibleWithin);
    const receipt = await this.permissions.put(appId, parsePermission(body));
    if (!receipt.applied || within === undefined) return receipt;
    return { ...receipt, visible: await this.permissions.whenVisible(receipt.token, within) };
  }

  /** The app's permissions; where there are none, those that every app begins with: loaded once, however many pods ask. */
  @Post(':appId/load')
  @HttpCode(200)
  load(@Param('appId') appId: string): Promise<Permission | undefined> {
    return this.permissions.load(appId);
  }

  /** Drops the app from the memory of every pod of the region. */
  @Post(':appId/invalidate')
  @HttpCode(200)
  async invalidate(@Param('appId') appId: string): Promise<{ readonly invalidated: true }> {
    await this.permissions.invalidate(appId);
    return { invalidated: true };
  }

  @Delete(':appId')
  @HttpCode(200)
  async delete(@Param('appId') appId: string): Promise<WriteReceipt> {
    return this.permissions.delete(appId);
  }
}

/** Before anything is written. */
function parseWithin(text: unknown): Duration {
  if (typeof text === 'string' && /^[1-9]\d{0,4}(?:ms|s)$/.test(text)) return text as Duration;
  throw new BadRequestException('visibleWithin: expected a duration such as 500ms or 2s');
}
