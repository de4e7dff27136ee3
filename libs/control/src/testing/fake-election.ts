import { type WriterElection } from '../ports.js';

/** An election that a test decides. */
export class FakeElection implements WriterElection {
  decided = false;
  leader: string | undefined;
  problem: string | undefined;
  closed = false;
  #elected = false;
  #onChange: () => void = () => undefined;

  get elected(): boolean {
    return this.#elected;
  }

  start(onChange: () => void): void {
    this.#onChange = onChange;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** This process is elected, or `leader` is. */
  decide(elected: boolean, leader?: string): void {
    this.decided = true;
    this.leader = leader;
    this.lose(elected);
    this.#onChange();
  }

  /** As `decide`, and nobody has told yet. */
  lose(elected = false): void {
    this.#elected = elected;
  }
}
