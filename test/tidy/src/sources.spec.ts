import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { reachableFrom, unreachableSources } from './import-graph.js';
import { files, type Manifest, projects, read, root } from './repository.js';

const linesMax = 400;

describe('sources', () => {
  it('have no file over 400 lines', () => {
    const code = files().filter((file) => /\.(?:[cm]?[jt]sx?|css|sh|tf)$/.test(file) || file === '.ci/run');
    expect(code.length).toBeGreaterThan(100);
    expect(code.filter((file) => read(file).trimEnd().split('\n').length > linesMax)).toEqual([]);
  });

  it('are all reached from an entry of their package or from a test', () => {
    const all = projects();
    expect(all.length).toBeGreaterThan(15);
    expect(all.flatMap(unreachableSources)).toEqual([]);
  });

  it('count tools in: each is named by a script or imported by another', () => {
    const tools = files('tools').filter((file) => file.endsWith('.mjs'));
    const callers = [
      ...files('.ci'),
      'package.json',
      'jest.preset.cjs',
      ...projects().map((p) => `${p.folder}/package.json`),
    ];
    const scripts = callers.map(read).join('\n');
    const entries = tools.filter((file) => scripts.includes(file));
    expect(entries.length).toBeGreaterThan(0);
    const reached = reachableFrom(entries, new Set(tools));
    expect(tools.filter((file) => !reached.has(file))).toEqual([]);
    const declarations = files('tools').filter((file) => file.endsWith('.d.mts'));
    expect(declarations.filter((file) => !tools.includes(file.replace('.d.mts', '.mjs')))).toEqual([]);
  });

  it('name no folder of a machine', () => {
    // Written apart, so that this file does not name one itself.
    const anyHome = new RegExp(['/ho', 'me/(?!node\\b|nonroot\\b)[a-z]|/Us', 'ers/[A-Za-z]|/ro', 'ot/'].join(''));
    const local = [root, homedir()].filter((folder) => folder.split('/').length > 2);
    const naming = files().filter((file) => {
      const text = read(file);
      return anyHome.test(text) || local.some((folder) => text.includes(`${folder}/`));
    });
    expect(naming).toEqual([]);
  });

  it('name no registry of a machine', () => {
    expect(read('package-lock.json')).not.toMatch(/"resolved": "[a-z+]+:/);
    const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', cwd: root }).trim();
    const { host } = new URL(registry);
    const hosts = host === 'registry.npmjs.org' ? [] : [host];
    const naming = files().filter((file) => {
      const text = read(file);
      return hosts.some((name) => text.includes(name)) || (file.endsWith('.npmrc') && /registry\s*=/.test(text));
    });
    expect(naming).toEqual([]);
  });
});

describe('packages', () => {
  it('have one version, and ask each other for exactly that one', () => {
    const all = projects().map((project) => project.manifest);
    const versions = new Set([
      ...all.map((manifest) => manifest.version),
      (JSON.parse(read('package.json')) as Manifest).version,
    ]);
    expect([...versions]).toHaveLength(1);
    const [version] = versions;
    const asked = all.flatMap(({ name, dependencies, peerDependencies }) =>
      Object.entries({ ...dependencies, ...peerDependencies })
        .filter(([dependency, range]) => dependency.startsWith('@tidemark/') && range !== version)
        .map(([dependency, range]) => `${name} asks for ${dependency} ${range}`),
    );
    expect(asked).toEqual([]);
  });

  it('depend on packages of the workspace only where these are published too', () => {
    const all = projects().map((project) => project.manifest);
    const unpublished = new Set(all.filter((manifest) => manifest.private === true).map((manifest) => manifest.name));
    const broken = all
      .filter((manifest) => manifest.private !== true)
      .filter((manifest) => Object.keys(manifest.dependencies ?? {}).some((name) => unpublished.has(name)));
    expect(broken.map((manifest) => manifest.name)).toEqual([]);
  });
});
