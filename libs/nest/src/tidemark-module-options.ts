import { ConfigurableModuleBuilder } from '@nestjs/common';
import { type TidemarkOptions } from '@tidemark/cache';

/** What `createTidemark` takes, less the caches: features register those. Logs go to Nest's logger unless one is given. */
export type TidemarkModuleOptions = Omit<TidemarkOptions, 'caches'>;

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<TidemarkModuleOptions>({ moduleName: 'Tidemark' })
    .setClassMethodName('forRoot')
    .setExtras({ isGlobal: true }, (definition, extras) => ({ ...definition, global: extras.isGlobal }))
    .build();
