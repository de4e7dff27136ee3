import { ApiProperty } from '@nestjs/swagger';
import { type RouteChange, type RouteDiff } from '@tidemark/control';
import { followedTopic, type Route } from '@tidemark/protocol';

const topic = 'tidemark.cache.users';
const moved = 'tidemark.cache.users-v2';

/** One version of a table's route, as the API shows it. */
export class RouteModel {
  @ApiProperty({ description: 'DynamoDB table.', example: 'users' })
  table!: string;

  @ApiProperty({
    description: 'Grows by one with every change, deletions included; also the ETag.',
    type: 'integer',
    example: 3,
  })
  version!: number;

  @ApiProperty({ description: 'Cache topics, sorted; empty once deleted.', type: [String], example: [topic, moved] })
  topics!: readonly string[];

  @ApiProperty({
    description: 'Topic → since which version it has carried the table without a break.',
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { [topic]: 1, [moved]: 3 },
  })
  since!: Readonly<Record<string, number>>;

  @ApiProperty({
    description: 'The topic that pods follow: the one added last.',
    type: String,
    nullable: true,
    example: moved,
  })
  followed!: string | null;

  @ApiProperty({ description: 'Whether its events wait in the table topic since this version.', example: false })
  deleted!: boolean;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  changedAt!: string;

  @ApiProperty({ description: 'Who asked for it.', example: 'admin-api' })
  changedBy!: string;
}

export class RouteDiffModel {
  @ApiProperty({ type: [String], example: [moved] })
  added!: readonly string[];

  @ApiProperty({ type: [String], example: [topic] })
  kept!: readonly string[];

  @ApiProperty({ type: [String], example: [] })
  removed!: readonly string[];
}

/** The route after a change, and what the change does. */
export class RouteChangeModel extends RouteModel {
  @ApiProperty({ type: RouteDiffModel })
  diff!: RouteDiff;

  @ApiProperty({ description: 'Whether this was only worked out.', example: false })
  dryRun!: boolean;

  @ApiProperty({
    description: 'Whether a new version was written: not after a dry run, nor when the route was already so.',
    example: true,
  })
  written!: boolean;
}

export class RouteListModel {
  @ApiProperty({ type: [RouteModel] })
  routes!: readonly RouteModel[];
}

export class RouteHistoryModel {
  @ApiProperty({ example: 'users' })
  table!: string;

  @ApiProperty({
    type: [RouteModel],
    description:
      'Newest first, at most 50. From before this process began there is what the compacted topic still held, at least the last one.',
  })
  changes!: readonly RouteModel[];
}

export class PutRouteModel {
  @ApiProperty({ type: [String], minItems: 1, maxItems: 10, uniqueItems: true, example: [topic] })
  topics!: readonly string[];
}

/** RFC 9457. */
export class ProblemModel {
  @ApiProperty({ format: 'uri', example: 'urn:tidemark:problem:ROUTE_INVALID' })
  type!: string;

  @ApiProperty({ example: 'Unprocessable Entity' })
  title!: string;

  @ApiProperty({ type: 'integer', example: 422 })
  status!: number;

  @ApiProperty({ example: 'topics[0]: expected a topic that starts with tidemark.cache.' })
  detail!: string;

  @ApiProperty({ example: 'ROUTE_INVALID' })
  code!: string;

  @ApiProperty({ required: false, description: 'What the problem is in.', example: 'topics[0]' })
  field?: string;

  @ApiProperty({ required: false, description: 'The rule that it breaks.', example: 'topic-prefix' })
  rule?: string;

  @ApiProperty({
    required: false,
    description: 'The version that stands, after a conflict.',
    type: 'integer',
    example: 3,
  })
  currentVersion?: number;
}

export function routeModel(route: Route): RouteModel {
  return {
    table: route.table,
    version: route.version,
    topics: Object.keys(route.topics).sort(),
    since: route.topics,
    followed: followedTopic(route) ?? null,
    deleted: route.deleted,
    changedAt: dateOf(route.changedAt),
    changedBy: route.changedBy,
  };
}

export function routeChangeModel({ route, diff, written }: RouteChange, dryRun: boolean): RouteChangeModel {
  return { ...routeModel(route), diff, dryRun, written };
}

const lastDateMs = 8.64e15;

/** Another writer's record may hold any whole number. */
function dateOf(ms: number): string {
  return new Date(Math.min(ms, lastDateMs)).toISOString();
}
