import { Body, Controller, Get, Headers, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { importRoutes, RoutingTable } from '@tidemark/control';

import { ApiProblems } from './api-problems.js';
import { actorHeader, changed } from './route-changes.js';
import { RouteDumpModel, routeDumpModel, RouteImportModel } from './route-dump-models.js';
import { readDump } from './route-dump-request.js';
import { readActor, readNoQuery, type RequestHeaders } from './route-request.js';

/** All routes at once: to be kept elsewhere, and to be written anew where the routing topic was lost. */
@ApiTags('routing table')
@ApiBearerAuth()
@Controller('api/v1/routing-table')
export class RoutingTableController {
  readonly #table: RoutingTable;

  constructor(table: RoutingTable) {
    this.#table = table;
  }

  @Get()
  @ApiOperation({
    operationId: 'exportRoutes',
    summary: 'Every route as a record of the routing topic, deletions included',
  })
  @ApiOkResponse({ type: RouteDumpModel, description: 'What an import takes.' })
  @ApiProblems()
  export(): RouteDumpModel {
    return routeDumpModel(this.#table.export());
  }

  @Put()
  @actorHeader
  @ApiBody({ type: RouteDumpModel })
  @ApiOperation({
    operationId: 'importRoutes',
    summary:
      'Writes the routes that are missing, each with a higher version and a fresh since; leaves alone what stands',
  })
  @ApiOkResponse({ type: RouteImportModel, description: 'Written. After a failure the same request writes the rest.' })
  @ApiProblems(400, 409, 413, 415, 422)
  async import(
    @Body() body: unknown,
    @Query() query: unknown,
    @Headers() headers: RequestHeaders,
  ): Promise<RouteImportModel> {
    readNoQuery(query);
    const dump = readDump(body);
    return changed(this.#table, () => importRoutes(this.#table, dump, { actor: readActor(headers) }));
  }
}
