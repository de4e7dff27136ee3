import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { MetricRegistry } from '@tidemark/cache';
import { TidemarkModule, type TidemarkModuleOptions } from '@tidemark/nest';
import { prometheusText } from '@tidemark/process';
import { HealthController } from './health.controller.js';
import { L1Controller } from './l1.controller.js';
import { MetricsController, metricsToken } from './metrics.controller.js';
import { permissions } from './permissions.cache.js';
import { PermissionsController } from './permissions.controller.js';
import { PermissionsService } from './permissions.service.js';

@Module({})
export class AppModule {
  static with(tidemark: TidemarkModuleOptions): DynamicModule {
    const { metrics = new MetricRegistry() } = tidemark;
    return {
      module: AppModule,
      imports: [
        TidemarkModule.forRoot({ ...tidemark, metrics }),
        TidemarkModule.forFeature([permissions]),
        TerminusModule,
      ],
      controllers: [PermissionsController, L1Controller, HealthController, MetricsController],
      providers: [PermissionsService, { provide: metricsToken, useFactory: () => prometheusText(metrics) }],
    };
  }
}
