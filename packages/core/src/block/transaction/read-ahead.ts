import type { ChangedRun } from './overlay.js';

/** A changed run with its new contents; zeros have none. */
export interface LoadedRun {
  readonly run: ChangedRun;
  readonly data: Uint8Array | undefined;
}

/** Runs of at least this length share two buffers, bytes. */
export const LARGE = 128 * 1024;

/** New contents of runs: those of the next one are read while the caller works on the last. Large ones are only good until then. */
export async function* readAhead(
  source: { read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> },
  runs: Iterable<ChangedRun>,
): AsyncGenerator<LoadedRun> {
  const buffers = [new Uint8Array(0), new Uint8Array(0)];
  let turn = 0;
  const bufferOf = (length: number): Uint8Array | undefined => {
    if (length < LARGE) return undefined;
    turn = 1 - turn;
    if (buffers[turn]!.length < length) buffers[turn] = new Uint8Array(length);
    return buffers[turn];
  };
  const load = async (run: ChangedRun): Promise<LoadedRun> => {
    return {
      run,
      data: run.kind === 'zero' ? undefined : await source.read(run.offset, run.length, bufferOf(run.length)),
    };
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
