/** Resolves as soon as `condition` is truthy, and rejects naming `what` after `timeoutMs` (default 30,000: the machine may be busy). For tests on real time. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    if (await condition()) return;
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
