import type { ChangedRun } from './overlay.js';

/** A changed run with its new contents; zeros have none. */
export interface LoadedRun {
  readonly run: ChangedRun;
  readonly data: Uint8Array | undefined;
}

/** New contents of runs: those of the next one are read while the caller works on the last. */
export async function* readAhead(
  source: { read(offset: number, length: number): Promise<Uint8Array> },
  runs: Iterable<ChangedRun>,
): AsyncGenerator<LoadedRun> {
  const load = async (run: ChangedRun): Promise<LoadedRun> => {
    return { run, data: run.kind === 'zero' ? undefined : await source.read(run.offset, run.length) };
  };
  let pending: Promise<LoadedRun> | undefined;
  try {
    for (const run of runs) {
      const ready = pending;
      const next = load(run);
      // A failure counts when its turn comes.
      next.catch(() => undefined);
      pending = next;
      if (ready !== undefined) yield await ready;
    }
    if (pending !== undefined) yield await pending;
  } finally {
    // Whoever stops early closes files next: nothing may be on its way then.
    await pending?.catch(() => undefined);
  }
}
