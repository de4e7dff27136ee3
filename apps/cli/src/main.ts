import { printAndExit } from '@tidemark/process';
import { commandOf, type Role } from './command.js';

/** Names and not imports: only the process that was asked for is loaded. */
const mains: Readonly<Record<Role, string>> = {
  sync: '@tidemark/sync/dist/main.js',
  dispatcher: '@tidemark/dispatcher/dist/main.js',
  admin: '@tidemark/admin/dist/main.js',
  doctor: './doctor-main.js',
  routes: './routes-main.js',
};

const command = commandOf(process.argv.slice(2));
if (command.type === 'run') {
  process.argv.splice(2, Infinity, ...command.args);
  await import(mains[command.role]);
} else printAndExit(command);
