/** Lets one task at a time through, in order of arrival. */
export class Lock {
  #last: Promise<unknown> = Promise.resolve();

  /** Run a task when all before it have ended. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task, task);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
