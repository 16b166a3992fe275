/** Many readers or one writer, in the order in which they ask. */
export class SharedLock {
  #tail: Promise<unknown> = Promise.resolve();
  #readers = new Set<Promise<unknown>>();
  #writers = 0;

  /** Run `work` beside other readers. */
  shared<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#writers === 0 ? work() : this.#tail.then(work);
    const settled = running.then(
      () => {},
      () => {},
    );
    this.#readers.add(settled);
    void settled.then(() => this.#readers.delete(settled));
    return running;
  }

  /** Run `work` alone. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    this.#writers += 1;
    const before = Promise.all([this.#tail, ...this.#readers]);
    const running = before.then(work);
    this.#tail = running.then(
      () => {
        this.#writers -= 1;
      },
      () => {
        this.#writers -= 1;
      },
    );
    return running;
  }
}
