// What the coherence protocol promises, measured on the embedded two-region stack: staleness while Kafka is down, the fast lane, whenVisible, loads.
// npm run measure:coherence [-- --quick] [--only NAME,…] [--json FILE]   (builds what it runs; some five minutes)
import path from 'node:path';
import { killTrees } from './process-tree.mjs';
import { show, step } from './run/command.mjs';
import { install } from './run/prepare.mjs';
import { root } from './run/workspace.mjs';

/** All of it, so that what hangs is no reason to wait for ever. */
const budgetMs = 900_000;

async function main() {
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
  const build = [compiler, '-b', 'test/e2e/tsconfig.app.json'];
  if (!(await install()) || !(await step('build', process.execPath, build, { cwd: root }))) return 1;
  setTimeout(() => {
    console.error(`measure:coherence: not done within ${budgetMs / 1_000} s`);
    leave(1);
  }, budgetMs).unref();
  const script = path.join(root, 'test/e2e/dist/coherence-main.js');
  const env = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
  return show(process.execPath, [script, ...process.argv.slice(2)], { env, label: 'measuring' });
}

/** @param {number} code */
function leave(code) {
  killTrees();
  process.exit(code);
}

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.once(signal, () => leave(130));
leave(await main());
