import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { errorCodes } from '@tidemark/runtime';
import { files, projects, read, root } from './repository.js';

const fence = /^(?:```|~~~).*?^(?:```|~~~)/gms;

describe('documents', () => {
  it('include a README of every library, app and Terraform folder', () => {
    const folders = projects()
      .map((project) => project.folder)
      .filter((folder) => !folder.startsWith('test/'));
    const terraform = files('infra/terraform').filter((file) => file.endsWith('.tf'));
    const described = new Set([...folders, ...terraform.map((file) => path.posix.dirname(file))]);
    expect(folders.length).toBeGreaterThan(10);
    expect([...described].filter((folder) => !existsSync(path.join(root, folder, 'README.md')))).toEqual([]);
  });

  it('link to files and headings that exist', () => {
    const pages = files().filter((file) => file.endsWith('.md'));
    const links = pages.flatMap((page) => linksOf(page));
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((link) => !resolves(link)).map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
  });

  it('describe every error code, and no other, in the order of the alphabet', () => {
    const [, ...sections] = read('docs/errors.md').split(/^## /m);
    const described = sections.map((section) => section.slice(0, section.indexOf('\n')).replaceAll('`', '').trim());
    expect(described).toEqual([...errorCodes].sort());
    expect(sections.filter((section) => section.trim().split('\n').length < 3)).toEqual([]);
  });

  it('describe no error code that nothing raises', () => {
    const sources = files()
      .filter((file) => /^(?:libs|apps)\/.*\.tsx?$/.test(file) && !/\.spec\.ts|\/testing\//.test(file))
      .filter((file) => !file.endsWith('/tidemark-error.ts'))
      .map(read)
      .join('\n');
    expect(errorCodes.filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
  });
});

interface Link {
  readonly page: string;
  readonly target: string;
}

/** Links within the repository: inline ones and reference definitions, but not those in code. */
function linksOf(page: string): Link[] {
  const prose = read(page)
    .replace(fence, '')
    .replace(/`[^`\n]*`/g, '');
  const inline = [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)];
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s+<?(\S+?)>?$/gm)];
  return [...inline, ...references]
    .map((match) => ({ page, target: match[1] ?? '' }))
    .filter(({ target }) => !/^(?:[a-z][a-z+.-]*:|\/\/)/.test(target));
}

function resolves({ page, target }: Link): boolean {
  const [file = '', heading] = target.split('#');
  const linked = file === '' ? page : path.posix.join(path.posix.dirname(page), decodeURIComponent(file));
  if (linked.startsWith('..') || !existsSync(path.join(root, linked))) return false;
  return heading === undefined || !linked.endsWith('.md') || headingsOf(linked).has(heading);
}

/** The anchors that GitHub gives to the headings of a page. */
function headingsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, text = ''] of read(page)
    .replace(fence, '')
    .matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const anchor = text
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count += 1) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}
