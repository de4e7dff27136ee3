// One line that says what is going on: rewritten in place on a terminal, every ten seconds elsewhere.

const lineEveryMs = 10_000;
const redrawEveryMs = 200;

/**
 * Starts a progress line. `describe` is asked for its text whenever the line is due.
 * @param {() => string} describe
 */
export function startProgress(describe) {
  const terminal = process.stdout.isTTY === true;
  const startedAt = Date.now();
  let spokeAt = startedAt;
  const line = () => `${describe()} (${Math.round((Date.now() - startedAt) / 1000)} s)`;
  const timer = setInterval(() => {
    if (terminal) process.stdout.write(`\r\x1b[K${line().slice(0, (process.stdout.columns ?? 80) - 1)}`);
    else if (Date.now() - spokeAt >= lineEveryMs) {
      spokeAt = Date.now();
      console.log(line());
    }
  }, redrawEveryMs);
  const clear = () => void (terminal && process.stdout.write('\r\x1b[K'));
  return {
    /** Prints whole lines above the progress line. @param {string} text */
    print(text) {
      clear();
      spokeAt = Date.now();
      process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    },
    stop() {
      clearInterval(timer);
      clear();
    },
  };
}
