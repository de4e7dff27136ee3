import { type DynamicModule } from '@nestjs/common';
import { memory, type MemoryBackend } from '@tidemark/cache';
import { TidemarkModule } from '../tidemark.module.js';

/** The root module of a test: caches on a backend in memory, which the test may share between applications to have several pods. */
export class TidemarkTestingModule {
  static forRoot(options: { readonly service?: string; readonly backend?: MemoryBackend } = {}): DynamicModule {
    return TidemarkModule.forRoot({ service: options.service ?? 'test', backend: options.backend ?? memory() });
  }
}
