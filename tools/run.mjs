// What the npm scripts of the root call. Every command prepares what it needs; nothing but Node is expected to be there.
import { constants } from 'node:os';
import path from 'node:path';
import { killTrees, stopTrees } from './process-tree.mjs';
import { show } from './run/command.mjs';
import { buildBenchWhereStale, buildDemoWhereStale, install, runTarget } from './run/prepare.mjs';
import { root } from './run/workspace.mjs';

/**
 * A command takes the arguments after its name and resolves to the exit code.
 * @type {Record<string, (args: string[]) => Promise<number>>}
 */
const commands = {
  async bench(args) {
    if (!(await install()) || !(await buildBenchWhereStale())) return 1;
    return show(process.execPath, [path.join(root, 'test/bench/dist/bench-main.js'), ...args], { label: 'bench' });
  },
  async 'bench:races'(args) {
    if (!(await install()) || !(await buildBenchWhereStale())) return 1;
    return show(process.execPath, [path.join(root, 'test/bench/dist/races-main.js'), ...args], { label: 'races' });
  },
  async build(args) {
    if (!(await install())) return 1;
    return runTarget('build', args);
  },
  async demo(args) {
    if (!(await install()) || !(await buildDemoWhereStale())) return 1;
    const child = [path.join(root, 'apps/demo/dist/main.js'), ...args];
    const env = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
    return show(process.execPath, child, { env, label: 'demo' });
  },
  async lint(args) {
    if (!(await install())) return 1;
    const projects = await runTarget('lint', args);
    const tools = await show(binary('eslint'), ['tools', 'eslint.config.mjs', '--max-warnings', '0'], { cwd: root });
    return projects || tools;
  },
  async pack(args) {
    const { pack } = await import('./run/pack.mjs');
    return pack(args);
  },
  async test(args) {
    const { test } = await import('./run/test.mjs');
    return test(args);
  },
  async 'test:long'(args) {
    const { testLong } = await import('./run/test-long.mjs');
    return testLong(args);
  },
  async typecheck(args) {
    if (!(await install())) return 1;
    const projects = await runTarget('typecheck', args);
    return projects || show(binary('tsc'), ['-p', 'tools/tsconfig.json'], { cwd: root });
  },
};

/** @param {string} name */
function binary(name) {
  return path.join(root, 'node_modules/.bin', name);
}

function stopOnSignals() {
  let stopping = false;
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      const code = 128 + constants.signals[signal];
      if (stopping) {
        killTrees();
        process.exit(code);
      }
      stopping = true;
      void stopTrees(signal).then(() => process.exit(code));
    });
  }
  process.stdout.on('error', () => process.kill(process.pid, 'SIGTERM'));
}

async function main() {
  const [name = '', ...args] = process.argv.slice(2);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    console.error(`usage: node tools/run.mjs ${Object.keys(commands).join('|')} [arguments]`);
    process.exit(2);
  }
  stopOnSignals();
  process.exitCode = await command(args);
}

await main();
