import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type RouteHistory, RoutingTable } from '@tidemark/control';

import { ApiProblems } from './api-problems.js';
import { tableParam } from './route-changes.js';
import { RouteHistoryModel, routeHistoryModel } from './route-history-models.js';

export const historyToken = 'tidemark.admin.history';

/** Changes of one answer. */
const changesMax = 50;

@ApiTags('routes')
@ApiBearerAuth()
@Controller('api/v1/routes/:table/history')
export class RouteHistoryController {
  readonly #table: RoutingTable;
  readonly #history: RouteHistory | undefined;

  constructor(table: RoutingTable, @Inject(historyToken) history: RouteHistory | undefined) {
    this.#table = table;
    this.#history = history;
  }

  @Get()
  @tableParam
  @ApiOperation({ operationId: 'getRouteHistory', summary: 'Changes of one table, newest first, deletions included' })
  @ApiOkResponse({ type: RouteHistoryModel, description: 'What is known of it.' })
  @ApiProblems(400, 404)
  async read(@Param('table') table: string): Promise<RouteHistoryModel> {
    if (this.#history !== undefined)
      return routeHistoryModel(table, await this.#history.read(table, this.#table.seen(table), changesMax));
    const changes = this.#table.history(table).map((after) => ({ after, before: undefined, operation: undefined }));
    return routeHistoryModel(table, { changes, complete: false });
  }
}
