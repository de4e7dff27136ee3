import { Body, Controller, Delete, Get, Headers, HttpStatus, Param, Put, Query, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiCreatedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import { RoutingTable } from '@tidemark/control';

import { ApiProblems } from './api-problems.js';
import { actorHeader, changed, dryRunQuery, etag, ifMatch, type ResponseHead, tableParam } from './route-changes.js';
import {
  PutRouteModel,
  RouteChangeModel,
  routeChangeModel,
  RouteListModel,
  RouteModel,
  routeModel,
} from './route-models.js';
import {
  readActor,
  readDryRun,
  readPut,
  readPutPrecondition,
  readVersion,
  type RequestHeaders,
} from './route-request.js';

@ApiTags('routes')
@ApiBearerAuth()
@Controller('api/v1/routes')
export class RoutesController {
  readonly #table: RoutingTable;

  constructor(table: RoutingTable) {
    this.#table = table;
  }

  @Get()
  @ApiOperation({ operationId: 'listRoutes', summary: 'Every live route, sorted by table' })
  @ApiOkResponse({ type: RouteListModel, description: 'All of them.' })
  @ApiProblems()
  list(): RouteListModel {
    return { routes: this.#table.list().map(routeModel) };
  }

  @Get(':table')
  @tableParam
  @ApiOperation({ operationId: 'getRoute', summary: 'The route of one table' })
  @ApiOkResponse({ type: RouteModel, description: 'As it stands.', headers: { ETag: etag } })
  @ApiResponse({ status: 304, description: 'The version is the one in If-None-Match.' })
  @ApiProblems(400, 404)
  get(@Param('table') table: string, @Res({ passthrough: true }) response: ResponseHead): RouteModel {
    const route = this.#table.get(table);
    response.setHeader('ETag', `"${route.version}"`);
    return routeModel(route);
  }

  @Put(':table')
  @tableParam
  @dryRunQuery
  @actorHeader
  @ApiHeader({ ...ifMatch, required: false })
  @ApiHeader({ name: 'If-None-Match', required: false, description: 'Instead, to create.', example: '*' })
  @ApiBody({ type: PutRouteModel })
  @ApiOperation({
    operationId: 'putRoute',
    summary: "Sends a table's events to these topics; creates those that are missing",
  })
  @ApiOkResponse({ type: RouteChangeModel, description: 'Changed, or only worked out.', headers: { ETag: etag } })
  @ApiCreatedResponse({
    type: RouteChangeModel,
    description: 'Created.',
    headers: { ETag: etag, Location: { schema: { type: 'string' }, example: '/api/v1/routes/users' } },
  })
  @ApiProblems(400, 404, 409, 412, 413, 415, 422, 428)
  async put(
    @Param('table') table: string,
    @Body() body: unknown,
    @Query() query: unknown,
    @Headers() headers: RequestHeaders,
    @Res({ passthrough: true }) response: ResponseHead,
  ): Promise<RouteChangeModel> {
    const precondition = readPutPrecondition(headers);
    const dryRun = readDryRun(query);
    const { topics, limited } = readPut(body);
    const options = { ifMatch: precondition, actor: readActor(headers), dryRun, ...limited };
    const change = await changed(this.#table, () => this.#table.put(table, topics, options));
    if (!dryRun && precondition === 'none') {
      response.status(HttpStatus.CREATED);
      response.setHeader('Location', `/api/v1/routes/${encodeURIComponent(table)}`);
    }
    if (!dryRun) response.setHeader('ETag', `"${change.route.version}"`);
    return routeChangeModel(change, dryRun);
  }

  @Delete(':table')
  @tableParam
  @dryRunQuery
  @actorHeader
  @ApiHeader({ ...ifMatch, required: true })
  @ApiOperation({ operationId: 'deleteRoute', summary: "Stops a table's events; they wait in its table topic" })
  @ApiOkResponse({ type: RouteChangeModel, description: 'Deleted, or only worked out.' })
  @ApiProblems(400, 404, 409, 412, 422, 428)
  async delete(
    @Param('table') table: string,
    @Query() query: unknown,
    @Headers() headers: RequestHeaders,
  ): Promise<RouteChangeModel> {
    const version = readVersion(headers);
    const dryRun = readDryRun(query);
    const options = { ifMatch: version, actor: readActor(headers), dryRun };
    const change = await changed(this.#table, () => this.#table.delete(table, options));
    return routeChangeModel(change, dryRun);
  }
}
