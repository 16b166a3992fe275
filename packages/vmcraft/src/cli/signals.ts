import { EXIT } from './output/exit-codes.js';

/** Work that a signal must undo before the program ends. */
export interface Undoable {
  /** Drop what was written and not committed. */
  rollback(): Promise<void>;
  /** Whether it is being committed now: then the commit is let through, because half of one does not exist. */
  readonly finishing: boolean;
}

const EXIT_CODES: Readonly<Record<string, number>> = {
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
  SIGHUP: 129,
};

/**
 * End the program on SIGINT, SIGTERM and SIGHUP with everything undone. A second signal ends it at once.
 * @param ignoresInterrupt an interactive shell handles SIGINT itself
 * @returns a function that takes the handlers away
 */
export function rollBackOnSignals(work: Undoable, options: { ignoresInterrupt: boolean }): () => void {
  let ending = false;
  const handler = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGINT' && options.ignoresInterrupt) return;
    const exit = (): never => process.exit(EXIT_CODES[signal]);
    if (ending) exit();
    ending = true;
    if (work.finishing) return;
    process.stderr.write(`\nvmcraft: ended by ${signal}; changes that were not committed are dropped\n`);
    work.rollback().then(exit, exit);
  };
  const signals = Object.keys(EXIT_CODES) as NodeJS.Signals[];
  for (const signal of signals) process.on(signal, handler);
  return () => {
    for (const signal of signals) process.off(signal, handler);
  };
}
