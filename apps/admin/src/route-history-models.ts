import { ApiProperty } from '@nestjs/swagger';
import { type PastChanges } from '@tidemark/control';

import { RouteModel, routeModel } from './route-models.js';

/** A version of a route, with what made it. */
export class RoutePastChangeModel extends RouteModel {
  @ApiProperty({
    type: String,
    nullable: true,
    description:
      '`put`, `delete`, `move`, `roll-back`, `finish`, `pause`, `resume`, `import`, `repair`, …; `null`: it is not known.',
    example: 'put',
  })
  operation!: string | null;

  @ApiProperty({
    type: () => RouteModel,
    nullable: true,
    required: false,
    description: 'The route before it, `null` for the first. Left out where it is not known.',
  })
  before?: RouteModel | null;
}

export class RouteHistoryModel {
  @ApiProperty({ example: 'users' })
  table!: string;

  @ApiProperty({ type: [RoutePastChangeModel], description: 'Newest first, at most 50.' })
  changes!: readonly RoutePastChangeModel[];

  @ApiProperty({
    description:
      'Whether the history topic, which keeps 90 days, could be read. Else these are the changes since this process began, and what the compacted topic still held then, at least the last one.',
    example: true,
  })
  complete!: boolean;
}

export function routeHistoryModel(table: string, { changes, complete }: PastChanges): RouteHistoryModel {
  return {
    table,
    complete,
    changes: changes.map(({ after, before, operation }) => ({
      ...routeModel(after),
      operation: operation ?? null,
      ...(before === undefined ? {} : { before: before === null ? null : routeModel(before) }),
    })),
  };
}
