import { ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { type RouteChange, type RouteDiff } from '@tidemark/control';
import { followedTopic, type Route } from '@tidemark/protocol';

const topic = 'tidemark.cache.users';
const moved = 'tidemark.cache.users-v2';

/** What a topic is limited to. */
export class TopicLimitModel {
  @ApiProperty({ description: 'Since which version it has carried just that without a break.', type: 'integer' })
  since!: number;

  @ApiProperty({ description: 'The services whose pods may follow it.', type: [String], required: false })
  services?: readonly string[];

  @ApiProperty({ description: 'The buckets of the keys that it carries.', type: [String], required: false })
  buckets?: readonly string[];
}

/** A move under way. */
export class RouteMoveModel {
  @ApiProperty({ description: 'The topic that is left at its end.', example: moved })
  to!: string;

  @ApiProperty({ description: 'The topics from before it.', type: [String], example: [topic] })
  from!: readonly string[];

  @ApiProperty({ description: 'When it ends whatever the pods say.', format: 'date-time' })
  until!: string;
}

export class KeyRangeModel {
  @ApiProperty({ description: 'The first item key, `<bucket>:<key>`.', example: 'users:a' })
  from!: string;

  @ApiProperty({ description: 'The first one behind the range, in the order of UTF-8 bytes.', example: 'users:b' })
  to!: string;
}

/** What the table's dispatchers send again, or have sent again: each partition does it once. */
export class RouteRewindModel {
  @ApiProperty({
    description: 'Names it; also in the notes beside the committed offsets.',
    type: 'integer',
    example: 1_769_860_800_000,
  })
  id!: number;

  @ApiProperty({
    description: 'From when on: by the time at which a record reached the table topic.',
    format: 'date-time',
  })
  to!: string;

  @ApiProperty({ description: 'Only these keys.', type: () => KeyRangeModel, nullable: true })
  keys!: KeyRangeModel | null;
}

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

  @ApiProperty({
    description: 'Cache topics that carry all of it for everybody, sorted; empty once deleted.',
    type: [String],
    example: [topic, moved],
  })
  topics!: readonly string[];

  @ApiProperty({
    description: 'Topic → since which version it has carried the table without a break.',
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { [topic]: 1, [moved]: 3 },
  })
  since!: Readonly<Record<string, number>>;

  @ApiProperty({
    description: 'Topics for some services, or with some buckets, alone.',
    type: 'object',
    additionalProperties: { $ref: getSchemaPath(TopicLimitModel) },
    example: { 'tidemark.cache.users-orders': { since: 3, services: ['orders'] } },
  })
  limited!: Readonly<Record<string, TopicLimitModel>>;

  @ApiProperty({ description: 'Whether its events wait in the table topic, by a pause.', example: false })
  paused!: boolean;

  @ApiProperty({
    description: 'The move that is under way.',
    type: () => RouteMoveModel,
    nullable: true,
  })
  move!: RouteMoveModel | null;

  @ApiProperty({
    description: 'The last rewind, whether or not it is done everywhere.',
    type: () => RouteRewindModel,
    nullable: true,
  })
  rewind!: RouteRewindModel | null;

  @ApiProperty({
    description: 'The topic that pods follow, those apart that a limited one is for: the one added last.',
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

export class TopicFilterModel {
  @ApiProperty({ type: [String], required: false, minItems: 1, maxItems: 100 })
  services?: readonly string[];

  @ApiProperty({ type: [String], required: false, minItems: 1, maxItems: 100 })
  buckets?: readonly string[];
}

export class PutRouteModel {
  @ApiProperty({ type: [String], minItems: 0, maxItems: 10, uniqueItems: true, example: [topic] })
  topics!: readonly string[];

  @ApiProperty({
    description: 'Topics for some services, or with some buckets, alone; at most 10 with those of `topics`.',
    selfRequired: false,
    type: 'object',
    additionalProperties: { $ref: getSchemaPath(TopicFilterModel) },
    example: { 'tidemark.cache.users-orders': { services: ['orders'] } },
  })
  limited?: Readonly<Record<string, TopicFilterModel>>;
}

export class MoveRouteModel {
  @ApiProperty({ description: 'The topic that the table moves to; made where it is missing.', example: moved })
  to!: string;
}

export class RewindRouteModel {
  @ApiProperty({
    description:
      'From when on; not in the future. Records bear the clock of the sync process that wrote them: a minute more harms nobody.',
    format: 'date-time',
    example: '2026-01-31T12:00:00Z',
  })
  to!: string;

  @ApiProperty({ description: 'Only these keys. Default: all.', type: () => KeyRangeModel, required: false })
  keys?: KeyRangeModel;
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

  @ApiProperty({ required: false, description: 'Who takes changes instead.', example: 'tidemark-admin@admin-0:8083' })
  leader?: string;
}

export function routeModel(route: Route): RouteModel {
  return {
    table: route.table,
    version: route.version,
    topics: Object.keys(route.topics).sort(),
    since: route.topics,
    limited: route.limited ?? {},
    paused: route.paused === true,
    move: route.move === undefined ? null : { ...route.move, until: dateOf(route.move.until) },
    rewind: route.rewind === undefined ? null : rewindModel(route.rewind),
    followed: followedTopic(route) ?? null,
    deleted: route.deleted,
    changedAt: dateOf(route.changedAt),
    changedBy: route.changedBy,
  };
}

export function routeChangeModel({ route, diff, written }: RouteChange, dryRun: boolean): RouteChangeModel {
  return { ...routeModel(route), diff, dryRun, written };
}

function rewindModel({ id, to, keys }: NonNullable<Route['rewind']>): RouteRewindModel {
  return { id, to: dateOf(to), keys: keys ?? null };
}

const lastDateMs = 8.64e15;

/** Another writer's record may hold any whole number. */
function dateOf(ms: number): string {
  return new Date(Math.min(ms, lastDateMs)).toISOString();
}
