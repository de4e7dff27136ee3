import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { TidemarkModule, type TidemarkModuleOptions } from '@tidemark/nest';
import { HealthController } from './health.controller.js';
import { L1Controller } from './l1.controller.js';
import { permissions } from './permissions.cache.js';
import { PermissionsController } from './permissions.controller.js';
import { PermissionsService } from './permissions.service.js';

@Module({})
export class AppModule {
  static with(tidemark: TidemarkModuleOptions): DynamicModule {
    return {
      module: AppModule,
      imports: [TidemarkModule.forRoot(tidemark), TidemarkModule.forFeature([permissions]), TerminusModule],
      controllers: [PermissionsController, L1Controller, HealthController],
      providers: [PermissionsService],
    };
  }
}
