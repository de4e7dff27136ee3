import { register } from 'node:module';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { transformSync } from '@swc/core';

/**
 * Lets a child process of a test run TypeScript from source:
 * `node --conditions=@tidemark/source --import <this file> main.ts`.
 */
if (isMainThread) register(import.meta.url);

/** `./x.js` of a source file means `./x.ts`. */
export async function resolve(specifier, context, next) {
  const isSource = context.parentURL?.endsWith('.ts') === true && /^\.{1,2}\//.test(specifier);
  return next(isSource ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const filename = fileURLToPath(url);
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    swcrc: false,
    sourceMaps: 'inline',
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'es6' },
  });
  return { format: 'module', source: code, shortCircuit: true };
}
