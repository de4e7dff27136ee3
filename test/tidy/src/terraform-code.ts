import { parse } from '@cdktf/hcl2json';
import { files, read } from './repository.js';

export type Block = Readonly<Record<string, unknown>>;
type Labelled = Readonly<Record<string, readonly Block[]>>;

/** A folder of Terraform files as JSON; expressions stay text, as `${…}`. */
export interface TerraformCode {
  readonly resource?: Readonly<Record<string, Labelled>>;
  readonly data?: Readonly<Record<string, Labelled>>;
  readonly variable?: Labelled;
  readonly output?: Labelled;
  readonly module?: Labelled;
  readonly terraform?: unknown;
}

/** Parses every file of a folder, and joins them as Terraform does. */
export async function parseTerraform(folder: string): Promise<TerraformCode> {
  let code: Record<string, unknown> = {};
  for (const file of files(folder).filter((name) => name.endsWith('.tf'))) {
    code = join(code, (await parse(file, read(file))) as Record<string, unknown>);
  }
  return code;
}

/** The blocks under a name: the parser gives a list, whether there is one or many. */
export function blocks(value: unknown): Block[] {
  return Array.isArray(value) ? (value as Block[]) : [];
}

function join(one: Record<string, unknown>, other: Record<string, unknown>): Record<string, unknown> {
  const joined = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const before = joined[name];
    if (isObject(before) && isObject(value)) joined[name] = join(before, value);
    else if (Array.isArray(before) && Array.isArray(value))
      joined[name] = [...(before as unknown[]), ...(value as unknown[])];
    else joined[name] = value;
  }
  return joined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
