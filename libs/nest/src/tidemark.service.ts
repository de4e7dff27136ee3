import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { type Cache, type CacheDefinition, createTidemark, type Tidemark, type TidemarkHealth } from '@tidemark/cache';
import { nestLogger } from './nest-logger.js';
import { MODULE_OPTIONS_TOKEN, type TidemarkModuleOptions } from './tidemark-module-options.js';

/**
 * Ties one Tidemark to the life of the application: started after all modules and before the application listens, told to stand aside
 * before it stops serving, closed after. Shutdown needs `app.enableShutdownHooks()` or `app.close()`.
 */
@Injectable()
export class TidemarkService implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #tidemark: Tidemark;
  #phase: 'starting' | 'serving' | 'stopping' = 'starting';

  constructor(@Inject(MODULE_OPTIONS_TOKEN) options: TidemarkModuleOptions) {
    this.#tidemark = createTidemark({ ...options, logger: options.logger ?? nestLogger() });
  }

  add<V>(definition: CacheDefinition<V>): Cache<V> {
    return this.#tidemark.add(definition);
  }

  health(): TidemarkHealth {
    return this.#tidemark.health();
  }

  /** Whether traffic should come here: from the end of the start until the shutdown begins. */
  get ready(): boolean {
    return this.#phase === 'serving';
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.#tidemark.start();
    this.#phase = 'serving';
  }

  /** The application still serves until this has resolved: readiness fails first, so that no new traffic is sent here. */
  beforeApplicationShutdown(): void {
    this.#phase = 'stopping';
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#tidemark.close();
  }
}
