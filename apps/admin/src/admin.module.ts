import { type DynamicModule, Module } from '@nestjs/common';
import { type RouteHistory, RoutingTable } from '@tidemark/control';
import { type MetricsText } from '@tidemark/process';

import { HealthController, metricsToken } from './health.controller.js';
import { OpenApiDocument } from './openapi-document.js';
import { OpenApiController } from './openapi.controller.js';
import { ReadinessSource } from './readiness.js';
import { RouteOperationsController } from './route-operations.controller.js';
import { historyToken, RouteHistoryController } from './route-history.controller.js';
import { RoutesController } from './routes.controller.js';
import { RoutingTableController } from './routing-table.controller.js';

export interface AdminParts {
  readonly table: RoutingTable;
  readonly document: OpenApiDocument;
  readonly readiness: ReadinessSource;
  readonly history: RouteHistory | undefined;
  readonly metrics: MetricsText;
}

@Module({})
export class AdminModule {
  static of({ table, document, readiness, history, metrics }: AdminParts): DynamicModule {
    return {
      module: AdminModule,
      controllers: [
        RoutesController,
        RouteHistoryController,
        RouteOperationsController,
        RoutingTableController,
        OpenApiController,
        HealthController,
      ],
      providers: [
        { provide: RoutingTable, useValue: table },
        { provide: OpenApiDocument, useValue: document },
        { provide: historyToken, useValue: history },
        { provide: ReadinessSource, useValue: readiness },
        { provide: metricsToken, useValue: metrics },
      ],
    };
  }
}
