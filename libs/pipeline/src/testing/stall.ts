/** A gate that a test shuts: calls wait there without an answer until it is opened, or their signal is aborted. */
export class Stall {
  #shut: Promise<void> | undefined;
  #open: () => void = () => undefined;

  set shut(shut: boolean) {
    this.#open();
    this.#shut = shut ? new Promise((resolve) => (this.#open = resolve)) : undefined;
  }

  async pass(signal: AbortSignal): Promise<void> {
    if (this.#shut !== undefined) await Promise.race([this.#shut, aborted(signal)]);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
