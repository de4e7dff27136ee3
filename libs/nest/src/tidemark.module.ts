import { type DynamicModule, type FactoryProvider, Module } from '@nestjs/common';
import { type CacheDefinition, type CacheTuning, tuneCache } from '@tidemark/cache';
import { getCacheToken } from './cache-token.js';
import { TidemarkHealthIndicator } from './tidemark-health-indicator.js';
import { type ASYNC_OPTIONS_TYPE, ConfigurableModuleClass, type OPTIONS_TYPE } from './tidemark-module-options.js';
import { TidemarkService } from './tidemark.service.js';

/** Tuning of one cache that is read from configuration; its name, table and type stay static. */
export interface AsyncFeature {
  readonly cache: CacheDefinition;
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: (...dependencies: never[]) => CacheTuning | Promise<CacheTuning>;
}

/** `forRoot` (or `forRootAsync`) once, global unless `isGlobal: false`; `forFeature` wherever caches are injected. */
@Module({ providers: [TidemarkService, TidemarkHealthIndicator], exports: [TidemarkService, TidemarkHealthIndicator] })
export class TidemarkModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return super.forRoot(options);
  }

  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }

  /** Makes the caches injectable with `@InjectCache(definition)` in the calling module. */
  static forFeature(caches: readonly CacheDefinition[]): DynamicModule {
    return feature(
      caches.map((cache) => ({
        provide: getCacheToken(cache),
        inject: [TidemarkService],
        useFactory: (tidemark: TidemarkService) => tidemark.add(cache),
      })),
    );
  }

  /** As `forFeature`, with each cache's numbers from a factory. A cache that is tuned in one module must not be registered in another. */
  static forFeatureAsync(features: readonly AsyncFeature[]): DynamicModule {
    return feature(
      features.map(({ cache, inject = [], useFactory }) => ({
        provide: getCacheToken(cache),
        inject: [TidemarkService, ...inject],
        useFactory: async (tidemark: TidemarkService, ...dependencies: never[]) =>
          tidemark.add(tuneCache(cache, await useFactory(...dependencies))),
      })),
    );
  }
}

@Module({})
export class TidemarkFeatureModule {}

function feature(providers: readonly FactoryProvider[]): DynamicModule {
  return { module: TidemarkFeatureModule, providers: [...providers], exports: providers.map(({ provide }) => provide) };
}
