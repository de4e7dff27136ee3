interface LeaderEpoch {
  readonly epoch: number;
  /** The end of the log when the leader was elected. */
  readonly start: bigint;
}

/** Which leader wrote what of a partition's log: how a reader finds out that the log was cut since it read. */
export class LeaderEpochs {
  #epochs: LeaderEpoch[] = [];

  /** -1 before the first leader. */
  get current(): number {
    return this.#epochs.at(-1)?.epoch ?? -1;
  }

  /** A leader is elected where the log ends at `start`; one that is known is not noted twice. */
  begin(epoch: number, start: bigint): void {
    if (epoch <= this.current) return;
    // Nothing is left of leaders whose records were all cut off.
    this.#epochs = [...this.#epochs.filter((each) => each.start < start), { epoch, start }];
  }

  /**
   * The last leader up to `epoch` that wrote anything of the log, and where its records end, in a log that ends at `logEnd`; `undefined`: no leader of
   * that epoch or a later one is known.
   */
  endOf(epoch: number, logEnd: bigint): { readonly epoch: number; readonly end: bigint } | undefined {
    if (epoch === this.current) return { epoch, end: logEnd };
    const next = this.#epochs.find((each) => each.epoch > epoch);
    if (next === undefined) return undefined;
    const last = this.#epochs.filter((each) => each.epoch <= epoch).at(-1);
    return { epoch: last?.epoch ?? epoch, end: next.start };
  }
}
