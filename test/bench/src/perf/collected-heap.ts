/** What is held after forced collections, off the heap included, bytes; needs `--expose-gc`. */
export function collectedHeap(): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('needs --expose-gc');
  for (let n = 0; n < 4; n += 1) void gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
