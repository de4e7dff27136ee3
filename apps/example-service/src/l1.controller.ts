import { BadRequestException, Body, Controller, Delete, Get, Param, Put, Query } from '@nestjs/common';
import { Cache, type CacheStats, type Inspection } from '@tidemark/cache';
import { InjectCache } from '@tidemark/nest';
import { parsePermission } from './parse-permission.js';
import { type Permission, permissions } from './permissions.cache.js';

/** This pod's L1 alone: what an operator looks at, and what the demo checks. */
@Controller('l1')
export class L1Controller {
  constructor(@InjectCache(permissions) private readonly permissions: Cache<Permission>) {}

  @Get()
  overview(): { readonly stalenessMs: number | null; readonly stats: CacheStats } {
    const stalenessMs = this.permissions.staleness();
    return { stalenessMs: Number.isFinite(stalenessMs) ? stalenessMs : null, stats: this.permissions.stats() };
  }

  /** `?ids=a,b`: what L1 holds of them. */
  @Get('permissions')
  held(@Query('ids') ids: unknown = ''): Record<string, Inspection & { readonly value: Permission | null }> {
    if (typeof ids !== 'string') throw new BadRequestException('ids: expected app ids, separated by commas');
    const keys = ids.split(',').filter((id) => id !== '');
    return Object.fromEntries(
      keys.map((key) => {
        const inspection = this.permissions.inspect(key);
        return [
          key,
          { ...inspection, value: inspection.state === 'value' ? (this.permissions.getIfPresent(key) ?? null) : null },
        ];
      }),
    );
  }

  /** Answers when L1 holds the write, with when that was (ms since the epoch); `at: null` when it does not within `timeoutMs`. */
  @Get('permissions/:appId/until')
  async until(
    @Param('appId') appId: string,
    @Query('writeId') writeId = '',
    @Query('timeoutMs') timeoutMs = '1000',
  ): Promise<{ readonly at: number | null }> {
    const endMs = performance.now() + Math.min(10_000, Number(timeoutMs) || 0);
    while (this.permissions.inspect(appId).writeId !== writeId) {
      if (performance.now() > endMs) return { at: null };
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return { at: performance.timeOrigin + performance.now() };
  }

  @Put('permissions/:appId')
  localPut(@Param('appId') appId: string, @Body() body: unknown): { readonly local: true } {
    this.permissions.localPut(appId, parsePermission(body));
    return { local: true };
  }

  @Delete('permissions/:appId')
  localDelete(@Param('appId') appId: string): { readonly held: boolean } {
    return { held: this.permissions.localDelete(appId) };
  }
}
