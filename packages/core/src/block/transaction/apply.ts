import type { HostFile } from '../../contracts/index.js';
import { MAX_DATA } from './journal-layout.js';
import type { Journal, JournalRun } from './journal-reader.js';
import type { Participant } from './journal-writer.js';
import { readAhead } from './read-ahead.js';

/** What changes are applied to: an image file, or a device through its backend. */
export type ApplyTarget = Pick<HostFile, 'size' | 'read' | 'write' | 'truncate' | 'punchHole' | 'flush'>;

/** A change ready to be written; zeros when there is no data. */
export interface Change {
  readonly offset: number;
  readonly length: number;
  readonly data?: Uint8Array;
}

/**
 * Bring an image to its new state and make it durable. Doing it again after any interruption leads to the same state.
 * @param shape sizes in bytes
 */
export async function applyChanges(
  target: ApplyTarget,
  shape: { readonly cutTo: number; readonly finalSize: number },
  changes: AsyncIterable<Change>,
): Promise<void> {
  if (target.size > shape.cutTo) await target.truncate(shape.cutTo);
  if (target.size !== shape.finalSize) await target.truncate(shape.finalSize);
  for await (const change of changes) {
    if (change.data === undefined) await target.punchHole(change.offset, change.length);
    else await target.write(change.offset, change.data);
  }
  await target.flush();
}

/** The changes of a participant, from memory. */
export async function* changesOf(participant: Participant): AsyncGenerator<Change> {
  for await (const { run, data } of readAhead(participant, participant.changes(MAX_DATA))) {
    const { offset, length } = run;
    yield data === undefined ? { offset, length } : { offset, length, data };
  }
}

/** The changes of a file, from a journal. */
export async function* changesIn(journal: Journal, runs: readonly JournalRun[]): AsyncGenerator<Change> {
  for (const run of runs) {
    const { offset, length } = run;
    if (run.zero) yield { offset, length };
    else yield { offset, length, data: await journal.dataOf(run, 0, length) };
  }
}
