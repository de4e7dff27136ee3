/**
 * What Tidemark uses of two JavaScript packages that come without types. Everything that crosses this border is `unknown` or a
 * narrow shape; `dynalite-hooks.ts` and `kinesalite-hooks.ts` are the only files that import them, and no exported type names them.
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
