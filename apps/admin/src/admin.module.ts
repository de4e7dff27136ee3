import { type DynamicModule, Module } from '@nestjs/common';
import { RoutingTable } from '@tidemark/control';
import { type MetricsText } from '@tidemark/process';

import { HealthController, metricsToken } from './health.controller.js';
import { OpenApiDocument } from './openapi-document.js';
import { OpenApiController } from './openapi.controller.js';
import { ReadinessSource } from './readiness.js';
import { RouteOperationsController } from './route-operations.controller.js';
import { RoutesController } from './routes.controller.js';
import { RoutingTableController } from './routing-table.controller.js';

export interface AdminParts {
  readonly table: RoutingTable;
  readonly document: OpenApiDocument;
  readonly readiness: ReadinessSource;
  readonly metrics: MetricsText;
}

@Module({})
export class AdminModule {
  static of({ table, document, readiness, metrics }: AdminParts): DynamicModule {
    return {
      module: AdminModule,
      controllers: [
        RoutesController,
        RouteOperationsController,
        RoutingTableController,
        OpenApiController,
        HealthController,
      ],
      providers: [
        { provide: RoutingTable, useValue: table },
        { provide: OpenApiDocument, useValue: document },
        { provide: ReadinessSource, useValue: readiness },
        { provide: metricsToken, useValue: metrics },
      ],
    };
  }
}
