/** The part of the Standard Schema v1 interface that Tidemark calls; zod, valibot, arktype and others implement it. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };

/** The type a schema lets through. */
export type OutputOf<S> = S extends StandardSchema<infer Output> ? Output : never;

/** A schema that lets everything through: the type is taken on trust, and a foreign writer's mistake reaches the caller. */
export function trust<V>(): StandardSchema<V> {
  return { '~standard': { version: 1, vendor: 'tidemark', validate: (value) => ({ value: value as V }) } };
}
