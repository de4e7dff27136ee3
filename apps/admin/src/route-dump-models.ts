import { ApiProperty } from '@nestjs/swagger';
import { type RouteDump } from '@tidemark/control';
import { encodeRoute } from '@tidemark/protocol';

/** The routing table, to be kept elsewhere. */
export class RouteDumpModel {
  @ApiProperty({ description: 'The highest writer epoch that readers may remember.', type: 'integer', example: 7 })
  writerEpoch!: number;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  exportedAt!: string;

  @ApiProperty({
    description:
      'The last record of each table in the routing topic, as it stands there. An import takes at most 1,000.',
    type: 'array',
    items: { type: 'object', additionalProperties: true },
    example: [{ v: '1.0', table: 'users', version: 3, writerEpoch: 7, topics: { 'tidemark.cache.users': 1 } }],
  })
  routes!: readonly object[];
}

/** What came of an import, by table. */
export class RouteImportModel {
  @ApiProperty({ type: [String], example: ['users'] })
  restored!: readonly string[];

  @ApiProperty({ description: 'There already.', type: [String], example: [] })
  kept!: readonly string[];
}

export function routeDumpModel({ writerEpoch, exportedAt, routes }: RouteDump): RouteDumpModel {
  return {
    writerEpoch,
    exportedAt: new Date(exportedAt).toISOString(),
    routes: routes.map((route) => JSON.parse(encodeRoute(route)) as object),
  };
}
