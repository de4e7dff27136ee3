import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Block, blocks, parseTerraform, type TerraformCode } from './terraform-code.js';
import { files, read, root } from './repository.js';

const folder = 'infra/terraform';
const modules = ['global-table', 'regional-pipeline', 'iam'];

describe('terraform', () => {
  const code = new Map<string, TerraformCode>();
  const module = (name: string): TerraformCode => code.get(`${folder}/modules/${name}`) ?? {};
  const resource = (name: string, type: string, label: string): Block | undefined =>
    module(name).resource?.[type]?.[label]?.[0];

  beforeAll(async () => {
    const folders = files(folder).filter((file) => file.endsWith('.tf'));
    for (const name of new Set(folders.map((file) => path.posix.dirname(file)))) {
      code.set(name, await parseTerraform(name));
    }
  });

  it('is formatted', () => {
    const fmt = spawnSync('terraform', [`-chdir=${path.join(root, folder)}`, 'fmt', '-check', '-recursive'], {
      encoding: 'utf8',
      timeout: 30_000,
      env: { ...process.env, CHECKPOINT_DISABLE: '1' },
    });
    if (fmt.error !== undefined) {
      process.stdout.write(
        '\nNOT RUN: terraform fmt: terraform is not on the PATH; only blanks are looked at instead\n',
      );
    } else {
      expect({ unformatted: fmt.stdout, status: fmt.status }).toEqual({ unformatted: '', status: 0 });
    }
    const sloppy = files(folder).filter((file) => file.endsWith('.tf') && /\t| \n|\n\n\n|[^\n]$/.test(read(file)));
    expect(sloppy).toEqual([]);
  });

  it('parses, and has the three modules and the example', () => {
    expect([...code.keys()].sort()).toEqual(
      [`${folder}/examples/two-regions`, ...modules.map((name) => `${folder}/modules/${name}`)].sort(),
    );
  });

  it('pins Terraform and the provider everywhere', () => {
    for (const [name, parsed] of code) {
      const [settings] = blocks(parsed.terraform);
      const [providers] = blocks(settings?.['required_providers']);
      expect({ name, version: settings?.['required_version'], aws: providers?.['aws'] }).toEqual({
        name,
        version: '>= 1.9',
        aws: { source: 'hashicorp/aws', version: '>= 6.28, < 7.0' },
      });
    }
  });

  it('describes and types every variable, and validates what can be wrong', () => {
    const free = new Set(['tags', 'deletion_protection', 'permissions_boundary_arn']);
    for (const name of modules) {
      for (const [variable, [block]] of Object.entries(module(name).variable ?? {})) {
        const lacking = ['description', 'type', ...(free.has(variable) ? [] : ['validation'])].filter(
          (field) => block?.[field] === undefined,
        );
        expect({ name, variable, lacking }).toEqual({ name, variable, lacking: [] });
      }
    }
  });

  it('documents exactly the variables and outputs that a module has', () => {
    for (const name of modules) {
      const rows = [...read(`${folder}/modules/${name}/README.md`).matchAll(/^\| `([a-z_]+)` +\|/gm)].map(
        (row) => row[1],
      );
      const roles = name === 'iam' ? ['service', 'sync', 'deployer'] : [];
      const declared = [
        ...Object.keys(module(name).variable ?? {}),
        ...Object.keys(module(name).output ?? {}),
        ...roles,
      ];
      expect({ name, rows: rows.sort() }).toEqual({ name, rows: declared.sort() });
    }
  });

  describe('global table', () => {
    it('has the key, the TTL and the stream that Tidemark needs', () => {
      const table = resource('global-table', 'aws_dynamodb_table', 'this');
      expect(table).toMatchObject({
        billing_mode: 'PAY_PER_REQUEST',
        hash_key: 'key',
        attribute: [{ name: 'key', type: 'S' }],
        ttl: [{ attribute_name: 'expiresAt', enabled: true }],
        stream_enabled: true,
        stream_view_type: 'NEW_AND_OLD_IMAGES',
      });
      expect(table).not.toHaveProperty('range_key');
    });

    it('is encrypted, recoverable and protected, in its own region and in every replica', () => {
      const table = resource('global-table', 'aws_dynamodb_table', 'this');
      expect(table).toMatchObject({
        deletion_protection_enabled: '${var.deletion_protection}',
        point_in_time_recovery: [{ enabled: true }],
        server_side_encryption: [{ enabled: true, kms_key_arn: '${var.kms_key_arns[var.region]}' }],
      });
      const { replica } = table?.['dynamic'] as { replica: { for_each: string; content: Block[] }[] };
      expect(replica).toHaveLength(1);
      expect(replica[0]).toMatchObject({
        for_each: '${var.replica_regions}',
        content: [
          {
            region_name: '${replica.value}',
            kms_key_arn: '${var.kms_key_arns[replica.value]}',
            point_in_time_recovery: true,
            deletion_protection_enabled: '${var.deletion_protection}',
            consistency_mode: 'EVENTUAL',
          },
        ],
      });
      expect(module('global-table').variable?.['deletion_protection']?.[0]?.['default']).toBe(true);
    });

    it('has no replica beside those of the table itself', () => {
      for (const parsed of code.values()) expect(parsed.resource).not.toHaveProperty('aws_dynamodb_table_replica');
    });
  });

  describe('regional pipeline', () => {
    it('keeps changes in an encrypted stream that grows by itself', () => {
      const stream = resource('regional-pipeline', 'aws_kinesis_stream', 'changes');
      expect(stream).toMatchObject({
        stream_mode_details: [{ stream_mode: 'ON_DEMAND' }],
        retention_period: '${var.retention_hours}',
        encryption_type: 'KMS',
        kms_key_id: '${var.kms_key_arn}',
      });
      expect(stream).not.toHaveProperty('shard_count');
      expect(module('regional-pipeline').variable?.['retention_hours']?.[0]?.['default']).toBe(168);
    });

    it('captures in microseconds, after every replica exists, and never lets go', () => {
      const destination = resource('regional-pipeline', 'aws_dynamodb_kinesis_streaming_destination', 'changes');
      expect(destination).toMatchObject({
        for_each: '${var.table_arns}',
        approximate_creation_date_time_precision: 'MICROSECOND',
        depends_on: ['${terraform_data.replicas}'],
        lifecycle: [{ prevent_destroy: true }],
      });
      expect(resource('regional-pipeline', 'terraform_data', 'replicas')).toEqual({ input: '${var.table_arns}' });
    });

    it("keeps leases under the client library's key", () => {
      expect(resource('regional-pipeline', 'aws_dynamodb_table', 'leases')).toMatchObject({
        billing_mode: 'PAY_PER_REQUEST',
        hash_key: 'leaseKey',
        attribute: [{ name: 'leaseKey', type: 'S' }],
        point_in_time_recovery: [{ enabled: true }],
        server_side_encryption: [{ enabled: true, kms_key_arn: '${var.kms_key_arn}' }],
        deletion_protection_enabled: '${var.deletion_protection}',
      });
    });

    it('names its region on every resource, so that one provider serves all', () => {
      for (const name of ['global-table', 'regional-pipeline']) {
        const aws = Object.entries(module(name).resource ?? {}).filter(([type]) => type.startsWith('aws_'));
        const regions = aws.flatMap(([, labels]) => Object.values(labels).map(([block]) => block?.['region']));
        expect(regions.length).toBeGreaterThan(0);
        expect(new Set(regions)).toEqual(new Set(['${var.region}']));
      }
    });
  });

  describe('roles', () => {
    const statements = (role: string): Block[] =>
      blocks(module('iam').data?.['aws_iam_policy_document']?.[role]?.[0]?.['statement']);
    const actions = (role: string): unknown[] =>
      statements(role)
        .flatMap((statement) => statement['actions'])
        .sort();

    it('name every action', () => {
      for (const role of ['service', 'sync', 'deployer']) {
        expect(statements(role).length).toBeGreaterThan(0);
        expect(actions(role).filter((action) => !/^[a-z]+:[A-Za-z]+$/.test(String(action)))).toEqual([]);
        for (const statement of statements(role)) {
          expect(statement).not.toHaveProperty('not_actions');
          expect(statement).not.toHaveProperty('not_resources');
        }
      }
    });

    it('hold wildcards only where AWS leaves no choice', () => {
      const wild = ['service', 'sync', 'deployer'].flatMap((role) =>
        statements(role)
          .filter((statement) => JSON.stringify(statement['resources']).includes('*'))
          .map((statement) => ({
            role,
            sid: statement['sid'],
            actions: statement['actions'],
            resources: statement['resources'],
          })),
      );
      expect(wild).toEqual([
        {
          role: 'sync',
          sid: 'FanOut',
          actions: ['kinesis:DescribeStreamConsumer', 'kinesis:SubscribeToShard'],
          resources: ['${var.stream_arn}/consumer/*'],
        },
        { role: 'deployer', sid: 'Streams', actions: ['kinesis:ListStreams'], resources: ['*'] },
        {
          role: 'deployer',
          sid: 'Capture',
          actions: ['iam:CreateServiceLinkedRole'],
          resources: ['arn:${var.partition}:iam::*:role/aws-service-role/kinesisreplication.dynamodb.amazonaws.com/*'],
        },
      ]);
    });

    it('let a service reach items by key, and nothing of the pipeline', () => {
      expect(actions('service')).toEqual([
        'dynamodb:BatchGetItem',
        'dynamodb:DeleteItem',
        'dynamodb:DescribeTable',
        'dynamodb:GetItem',
        'dynamodb:PutItem',
        'dynamodb:UpdateItem',
        'kms:Decrypt',
        'kms:DescribeKey',
        'kms:Encrypt',
        'kms:GenerateDataKey',
      ]);
      expect(statements('service').map((statement) => statement['resources'])).toEqual([
        '${var.table_arns}',
        '${var.table_kms_key_arns}',
      ]);
    });

    it('let a service scan the tables that are named for it, and none unless any is', () => {
      const { dynamic } = module('iam').data?.['aws_iam_policy_document']?.['service']?.[0] as {
        dynamic: { statement: { for_each: string; content: Block[] }[] };
      };
      expect(dynamic.statement).toHaveLength(1);
      expect(dynamic.statement[0]).toMatchObject({
        for_each: '${length(var.scan_table_arns) == 0 ? [] : [var.scan_table_arns]}',
        content: [{ sid: 'WarmUpByScan', actions: ['dynamodb:Scan'], resources: '${statement.value}' }],
      });
      const variable = module('iam').variable?.['scan_table_arns']?.[0];
      expect(variable?.['default']).toEqual([]);
      expect(blocks(variable?.['validation'])).toMatchObject([
        { condition: '${length(setsubtract(var.scan_table_arns, var.table_arns)) == 0}' },
      ]);
    });

    it('let sync read the stream and keep its leases, and touch no item of a cache', () => {
      const onTables = statements('sync').filter((statement) =>
        JSON.stringify(statement['resources']).includes('table_arns'),
      );
      expect(onTables.flatMap((statement) => statement['actions'])).toEqual([
        'dynamodb:DescribeKinesisStreamingDestination',
      ]);
      expect(onTables.map((statement) => statement['resources'])).toEqual(['${var.table_arns}']);
      expect(actions('sync').filter((action) => /Put|Update|Delete|Create/.test(String(action)))).toEqual([
        'dynamodb:DeleteItem',
        'dynamodb:PutItem',
        'dynamodb:UpdateItem',
      ]);
      const leases = statements('sync').filter(
        (statement) => String(statement['actions']).includes('dynamodb:') && !onTables.includes(statement),
      );
      expect(leases.map((statement) => statement['resources'])).toEqual([['${var.lease_table_arn}']]);
    });

    it('may use keys only through the service that they encrypt for', () => {
      const keys = ['service', 'sync', 'deployer']
        .flatMap(statements)
        .filter((statement) => String(statement['actions']).includes('kms:'));
      expect(keys).toHaveLength(3);
      for (const statement of keys) {
        expect(blocks(statement['condition'])).toMatchObject([{ test: 'StringEquals', variable: 'kms:ViaService' }]);
      }
    });
  });
});
