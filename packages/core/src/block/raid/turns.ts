/** Work that must not overlap, done in the order of the calls. */
export class Turns {
  #tail: Promise<unknown> = Promise.resolve();

  /** Do `work` when everything before it has ended, however that went. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }
}
