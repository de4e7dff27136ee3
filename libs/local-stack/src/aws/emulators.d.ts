/**
 * What Tidemark uses of JavaScript that comes without types. Everything that crosses this border is `unknown` or a narrow shape;
 * `dynalite-hooks.ts`, `kinesalite-hooks.ts` and `kinesis-local-thread.ts` alone import it, and no exported type names it.
 */
declare module 'dynalite' {
  const dynalite: (options: object) => { listeners(name: 'request'): unknown[] };
  export default dynalite;
}

declare module 'dynalite/db/index.js' {
  const db: Record<string, unknown>;
  export default db;
}

declare module 'dynalite/validations/*.js' {
  const validation: { types: Record<string, unknown> };
  export default validation;
}

declare module 'dynalite/actions/*.js' {
  const action: (store: object, input: object, done: (error: unknown, output: unknown) => void) => void;
  export default action;
}

declare module 'kinesalite' {
  const kinesalite: (options: object) => { listeners(name: 'request'): unknown[] };
  export default kinesalite;
}

declare module 'kinesalite/db/index.js' {
  const db: Record<string, unknown>;
  export default db;
}

declare module 'kinesalite/actions/*.js' {
  const action: (store: object, input: object, done: (error: unknown, output: unknown) => void) => void;
  export default action;
}

declare module '*/kinesis-local-worker.cjs' {
  /** Absolute path of the file that is to run in a worker thread. */
  export const workerFile: string;
}
