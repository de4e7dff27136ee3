import { readFile } from 'node:fs/promises';
import { type AclEntry } from 'kafkajs';

/** Kafka's numbers. As values, `kafkajs` does not offer its enumerations to ES modules. */
const operations = { Read: 3, Write: 4, Create: 5, Delete: 6, Describe: 8, DescribeConfigs: 10 } as const;
const kinds = { topic: 2, group: 3 } as const;
const [literal, prefixed, allow] = [3, 4, 3] as const;

export type Operation = keyof typeof operations;

/** Operations on a resource as the table of infra/kafka has it: `<prefix>` is the prefix of topics, and a name that ends in `*` is a prefixed one. */
export interface Permission {
  readonly kind: keyof typeof kinds;
  readonly name: string;
  readonly operations: readonly Operation[];
}

const topic = (name: string, ...of: Operation[]): Permission => ({ kind: 'topic', name, operations: of });
const group = (name: string, ...of: Operation[]): Permission => ({ kind: 'group', name, operations: of });

/** The rows of infra/kafka; a pod of the service `shop`, over one table. */
export const documented = {
  sync: [topic('<prefix>.cdc.*', 'Write', 'Create'), topic('<prefix>.dead-letters', 'Write', 'Create')],
  dispatcher: [
    topic('<prefix>.cdc.*', 'Read'),
    topic('<prefix>.routes', 'Read'),
    topic('<prefix>.cache.*', 'Write'),
    group('<prefix>.dispatcher', 'Read'),
    group('<prefix>.reader.*', 'Read', 'Delete'),
  ],
  admin: [
    topic('<prefix>.routes', 'Read', 'Write', 'Create'),
    topic('<prefix>.route-history', 'Read', 'Write', 'Create'),
    topic('<prefix>.cdc.*', 'Describe', 'Create'),
    topic('<prefix>.cache.*', 'Describe', 'Create'),
    topic('<prefix>.pods', 'Read'),
    group('<prefix>.admin', 'Read'),
    group('<prefix>.reader.*', 'Read', 'Delete'),
    group('<prefix>.pod.admin.*', 'Read', 'Delete'),
  ],
  pod: [
    topic('<prefix>.routes', 'Read'),
    topic('<prefix>.cache.things', 'Read'),
    topic('<prefix>.cache.moved', 'Read'),
    topic('<prefix>.cdc.things', 'Write'),
    topic('<prefix>.pods', 'Read', 'Write', 'Create'),
    group('<prefix>.pod.shop.*', 'Read', 'Delete'),
  ],
  doctor: [
    topic('<prefix>.*', 'Describe', 'DescribeConfigs'),
    topic('<prefix>.routes', 'Read'),
    topic('<prefix>.dead-letters', 'Write'),
    group('<prefix>.dispatcher', 'Describe'),
    group('<prefix>.reader.*', 'Read', 'Delete'),
  ],
} satisfies Readonly<Record<string, readonly Permission[]>>;

export type Role = keyof typeof documented;

/** Names of these rows that stand otherwise in infra/kafka, where a row says them in its own words. */
const wordings: Readonly<Record<string, string>> = {
  '<prefix>.cache.things': 'its cache topics',
  '<prefix>.cache.moved': 'its cache topics',
  '<prefix>.cdc.things': '<prefix>.cdc.<table>',
  '<prefix>.pod.shop.*': '<prefix>.pod.<service>.*',
  '<prefix>.*': 'all of them',
};

/** What a role's row of infra/kafka does not say of these permissions. */
export async function undocumented(role: Role): Promise<readonly string[]> {
  const text = await readFile(new URL('../../../../infra/kafka/README.md', import.meta.url), 'utf8');
  const row = text.split('\n').find((line) => new RegExp(String.raw`^\| ${role} +\|`).test(line)) ?? '';
  const [, , topics = '', groups = ''] = row.split('|');
  return documented[role].flatMap(({ kind, name, operations: asked }) => {
    const cell = kind === 'topic' ? topics : groups;
    return [wordings[name] ?? name, ...asked].filter((word) => !cell.includes(word)).map((word) => `${kind}: ${word}`);
  });
}

/** As Kafka takes it. */
export function aclsOf(user: string, prefix: string, permissions: readonly Permission[]): AclEntry[] {
  return permissions.flatMap(({ kind, name, operations: asked }) =>
    asked.map((operation) => ({
      resourceType: kinds[kind],
      resourceName: name.replace('<prefix>', prefix).replace(/\*$/, ''),
      resourcePatternType: name.endsWith('*') ? prefixed : literal,
      principal: `User:${user}`,
      host: '*',
      operation: operations[operation],
      permissionType: allow,
    })),
  );
}
