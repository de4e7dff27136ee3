// A shell that outlives this process by a moment: it holds a pipe from us, and when the pipe ends (even by kill -9)
// it kills the processes and removes the folders that it was told of.
import { spawn } from 'node:child_process';

const script = `
trap '' INT TERM HUP
processes=' ' folders=''
while IFS=' ' read -r verb what; do
  case $verb in
    kill) processes="$processes$what " ;;
    spare)
      kept=' '
      for pid in $processes; do [ "$pid" = "$what" ] || kept="$kept$pid "; done
      processes=$kept
      ;;
    remove) folders="$folders
$what" ;;
  esac
done
for pid in $processes; do kill -9 "$pid"; done
printf '%s\\n' "$folders" | while IFS= read -r folder; do [ -z "$folder" ] || rm -rf "$folder"; done
`;

/**
 * Starts a watchdog. `close()` makes it do its work at once and leave; so does the end of this process.
 */
export function startWatchdog() {
  const shell = spawn('sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  shell.unref();
  shell.on('error', () => undefined);
  const pipe = /** @type {import('node:net').Socket} */ (/** @type {unknown} */ (shell.stdin));
  pipe.on('error', () => undefined);
  pipe.unref();
  return {
    /** Kill this process when we are gone. @param {number} pid */
    kill: (pid) => void pipe.write(`kill ${pid}\n`),
    /** It has ended by itself: its id may belong to somebody else soon. @param {number} pid */
    spare: (pid) => void pipe.write(`spare ${pid}\n`),
    /** Remove this folder when we are gone. @param {string} folder an absolute path without line breaks */
    remove: (folder) => void pipe.write(`remove ${folder}\n`),
    /** @returns {Promise<void>} */
    close: () =>
      new Promise((resolve) => {
        if (shell.exitCode !== null || shell.signalCode !== null) return resolve();
        shell.once('exit', () => resolve());
        shell.ref();
        pipe.end();
      }),
  };
}
