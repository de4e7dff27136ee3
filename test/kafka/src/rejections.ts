/** Collects rejections that nobody handles, from now on. */
export function watchRejections(): () => readonly unknown[] {
  const seen: unknown[] = [];
  process.on('unhandledRejection', (reason) => seen.push(reason));
  return () => seen;
}
