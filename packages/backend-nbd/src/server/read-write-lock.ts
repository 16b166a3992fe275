/** Many readers or one writer, first come first served. */
export class ReadWriteLock {
  #readers = 0;
  #writing = false;
  readonly #queue: { readonly writes: boolean; readonly start: () => void }[] = [];

  /** Run work beside other readers. */
  read<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(false, work);
  }

  /** Run work alone. */
  write<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(true, work);
  }

  async #run<T>(writes: boolean, work: () => Promise<T>): Promise<T> {
    await this.#enter(writes);
    try {
      return await work();
    } finally {
      if (writes) this.#writing = false;
      else this.#readers -= 1;
      this.#advance();
    }
  }

  #enter(writes: boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push({ writes, start: resolve });
      this.#advance();
    });
  }

  #advance(): void {
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || this.#writing || (next.writes && this.#readers > 0)) return;
      this.#queue.shift();
      if (next.writes) this.#writing = true;
      else this.#readers += 1;
      next.start();
    }
  }
}
