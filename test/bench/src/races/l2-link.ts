import { Staged } from './staged.js';

/**
 * One pod's connection to L2. Every call is carried out at once; the answer is what a script keeps back or loses, so that what it says is as
 * old as the moment when L2 gave it.
 */
export class L2Link {
  #heldRead: Staged | undefined;
  #heldWrite: Staged | undefined;
  #lostWrite: Staged | undefined;

  /** The answer of the next read stays on its way until `release()`. */
  holdNextRead(): Staged {
    this.#heldRead = new Staged('a read of L2');
    return this.#heldRead;
  }

  /** The acknowledgement of the next write stays on its way until `release()`. */
  holdNextAcknowledgement(): Staged {
    this.#heldWrite = new Staged('a write to L2');
    return this.#heldWrite;
  }

  /** The next write takes effect, and its caller is told that the connection broke. */
  loseNextAcknowledgement(): Staged {
    this.#lostWrite = new Staged('a write to L2');
    return this.#lostWrite;
  }

  async read<T>(call: () => T | Promise<T>): Promise<T> {
    const held = this.#heldRead;
    this.#heldRead = undefined;
    const answer = await call();
    await held?.meet();
    return answer;
  }

  async write<T>(call: () => T | Promise<T>): Promise<T> {
    const held = this.#heldWrite;
    const lost = this.#lostWrite;
    this.#heldWrite = undefined;
    this.#lostWrite = undefined;
    const answer = await call();
    await held?.meet();
    if (lost === undefined) return answer;
    void lost.meet();
    throw new Error('connection to L2 was reset');
  }
}
