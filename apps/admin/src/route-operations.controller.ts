import {
  applyDecorators,
  Body,
  Controller,
  Delete,
  Headers,
  HttpCode,
  HttpStatus,
  Param,
  Post,
  Put,
  Query,
  Res,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type RouteOperation, RoutingTable } from '@tidemark/control';

import { ApiProblems, type ProblemStatus } from './api-problems.js';
import { actorHeader, changed, dryRunQuery, etag, ifMatch, type ResponseHead, tableParam } from './route-changes.js';
import { MoveRouteModel, RewindRouteModel, RouteChangeModel, routeChangeModel } from './route-models.js';
import { readActor, readDryRun, readRewind, readTarget, readVersion, type RequestHeaders } from './route-request.js';

const answer = { type: RouteChangeModel, description: 'Written, or only worked out.', headers: { ETag: etag } };

/** What can be done to a route besides replacing it. All its state is the route: any admin goes on with what another one began. */
@ApiTags('routes')
@ApiBearerAuth()
@Controller('api/v1/routes/:table')
export class RouteOperationsController {
  readonly #table: RoutingTable;

  constructor(table: RoutingTable) {
    this.#table = table;
  }

  @Put('move')
  @ApiBody({ type: MoveRouteModel })
  @routeOperation(
    'moveRoute',
    'Moves a table to one topic by way of both, until every live pod follows it, at most 60 s',
    413,
    415,
  )
  move(
    @Param('table') table: string,
    @Body() body: unknown,
    @Query() query: unknown,
    @Headers() headers: RequestHeaders,
    @Res({ passthrough: true }) response: ResponseHead,
  ): Promise<RouteChangeModel> {
    return this.#operate(table, { type: 'move', to: readTarget(body) }, { query, headers, response });
  }

  @Delete('move')
  @routeOperation('rollBackRoute', 'Gives a move up: back to the topics from before it')
  rollBack(
    @Param('table') table: string,
    @Query() query: unknown,
    @Headers() headers: RequestHeaders,
    @Res({ passthrough: true }) response: ResponseHead,
  ): Promise<RouteChangeModel> {
    return this.#operate(table, { type: 'roll-back' }, { query, headers, response });
  }

  @Post('pause')
  @HttpCode(HttpStatus.OK)
  @routeOperation(
    'pauseRoute',
    "Lets a table's events wait in its table topic; its pods grow stale, up to their maxStaleness",
  )
  pause(
    @Param('table') table: string,
    @Query() query: unknown,
    @Headers() headers: RequestHeaders,
    @Res({ passthrough: true }) response: ResponseHead,
  ): Promise<RouteChangeModel> {
    return this.#operate(table, { type: 'pause' }, { query, headers, response });
  }

  @Post('resume')
  @HttpCode(HttpStatus.OK)
  @routeOperation('resumeRoute', 'Goes on where the pause began; nothing is lost, nothing flushed')
  resume(
    @Param('table') table: string,
    @Query() query: unknown,
    @Headers() headers: RequestHeaders,
    @Res({ passthrough: true }) response: ResponseHead,
  ): Promise<RouteChangeModel> {
    return this.#operate(table, { type: 'resume' }, { query, headers, response });
  }

  @Post('rewind')
  @HttpCode(HttpStatus.OK)
  @ApiBody({ type: RewindRouteModel })
  @routeOperation(
    'rewindRoute',
    'Sends again what came since a time, or of it only some keys; new events wait behind it, so pods grow stale meanwhile',
    413,
    415,
  )
  rewind(
    @Param('table') table: string,
    @Body() body: unknown,
    @Query() query: unknown,
    @Headers() headers: RequestHeaders,
    @Res({ passthrough: true }) response: ResponseHead,
  ): Promise<RouteChangeModel> {
    return this.#operate(table, { type: 'rewind', ...readRewind(body) }, { query, headers, response });
  }

  async #operate(
    table: string,
    operation: RouteOperation,
    { query, headers, response }: Request,
  ): Promise<RouteChangeModel> {
    const version = readVersion(headers);
    const dryRun = readDryRun(query);
    const options = { ifMatch: version, actor: readActor(headers), dryRun };
    const change = await changed(this.#table, () => this.#table.operate(table, operation, options));
    if (!dryRun) response.setHeader('ETag', `"${change.route.version}"`);
    return routeChangeModel(change, dryRun);
  }
}

interface Request {
  readonly query: unknown;
  readonly headers: RequestHeaders;
  readonly response: ResponseHead;
}

/** What all of them have in common for the document; `problems`: statuses besides those of each. */
function routeOperation(operationId: string, summary: string, ...problems: readonly ProblemStatus[]): MethodDecorator {
  return applyDecorators(
    tableParam,
    dryRunQuery,
    actorHeader,
    ApiHeader({ ...ifMatch, required: true }),
    ApiOperation({ operationId, summary }),
    ApiOkResponse(answer),
    ApiProblems(400, 404, 409, 412, ...problems, 422, 428),
  );
}
