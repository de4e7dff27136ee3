import { beforeAll, describe, expect, it } from '@jest/globals';
import { files, read } from './repository.js';
import { type Block, blocks, parseTerraform, type TerraformCode } from './terraform-code.js';

/** What each role runs with, and what of it no process of that role comes to. */
const roles = {
  service: { folders: ['libs/dynamodb-store', 'libs/aws', 'libs/cache', 'libs/nest'], unreached: [] },
  sync: {
    folders: ['libs/kinesis', 'libs/doctor', 'libs/services', 'apps/sync'],
    // Of the lease store with `createTable`, which sync does not ask for.
    unreached: ['dynamodb:CreateTable'],
  },
} as const;

let iam: TerraformCode = {};
beforeAll(async () => {
  iam = await parseTerraform('infra/terraform/modules/iam');
});

describe.each(Object.entries(roles))('the role of %s', (role, { folders, unreached }) => {
  it('allows the calls to AWS that its code makes, and no other', () => {
    const called = new Set(folders.flatMap(sourcesOf).flatMap(actionsIn));
    for (const action of unreached) expect(called.delete(action)).toBe(true);
    expect(called.size).toBeGreaterThan(5);
    // Keys are used by the services on the role's behalf: no code calls KMS.
    const allowed = allowedTo(role).filter((action) => !action.startsWith('kms:'));
    expect({ unused: allowed.filter((action) => !called.has(action)) }).toEqual({ unused: [] });
    expect({ missing: [...called].filter((action) => !allowed.includes(action)) }).toEqual({ missing: [] });
  });
});

describe('the calls of a source', () => {
  it('are told by its commands, also by those of another name', () => {
    expect(
      actionsIn(`import { KinesisClient, ListShardsCommand as List } from '@aws-sdk/client-kinesis';
        import {
          type GetItemCommandInput,
          ScanCommand,
        } from '@aws-sdk/client-dynamodb';
        import { OtherCommand } from './other-command.js';`),
    ).toEqual(['kinesis:ListShards', 'dynamodb:Scan']);
  });

  it('of sync make no lease table', () => {
    expect(sourcesOf('libs/services').concat(sourcesOf('apps/sync')).join('\n')).not.toContain('createTable:');
  });
});

function sourcesOf(folder: string): readonly string[] {
  return files(`${folder}/src`)
    .filter((file) => /\.tsx?$/.test(file) && !/\.spec\.tsx?$|\/testing\//.test(file))
    .map(read);
}

/** Of `kinesis:GetRecords` and the like: one for each command that a source imports. */
function actionsIn(source: string): string[] {
  return [...source.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-([a-z]+)'/g)].flatMap(([, names, service]) =>
    [...(names ?? '').matchAll(/(?<!type )\b([A-Z]\w*)Command\b/g)].map(([, operation]) => `${service}:${operation}`),
  );
}

/** Statements of a role, those that depend on a variable included. */
function allowedTo(role: string): string[] {
  const document = iam.data?.['aws_iam_policy_document']?.[role]?.[0];
  const dynamic = blocks((document?.['dynamic'] as Block | undefined)?.['statement']).flatMap(({ content }) =>
    blocks(content),
  );
  return [...blocks(document?.['statement']), ...dynamic].flatMap(
    ({ actions }) => (actions as string[] | undefined) ?? [],
  );
}
