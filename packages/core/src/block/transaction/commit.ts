import type { HostRoom, TransactionHost } from '../../contracts/index.js';
import { HostError } from '../../errors/index.js';
import { JOURNAL_KIND } from './journal-layout.js';
import type { JournalPlace } from './journal-place.js';
import { changedBytes, journalRoom, type Participant, writeJournal, writePointer } from './journal-writer.js';

/** A transaction that has its commit point behind it. */
export interface Committed {
  readonly journalPath: string;
}

/**
 * Make a transaction durable and committed: journal and pointers written and flushed, and as the last step the journal renamed into place.
 * The first participant's place is the journal's. On any error nothing is committed, and nothing of it is left where that is possible.
 * @throws HostError, with errno `ENOSPC` before anything is written when the journal or the changed image will not fit
 */
export async function commitJournal(
  host: TransactionHost,
  place: JournalPlace,
  participants: readonly Participant[],
  kind: number = JOURNAL_KIND.journal,
): Promise<Committed> {
  await requireRoom(host, place, participants);
  const transaction = crypto.getRandomValues(new Uint8Array(16));
  const primary = participants[0]!;
  const journalPath = place.pathOf(primary.path);
  const temporary = place.temporary(journalPath);
  const made: string[] = [temporary];
  try {
    await writeNew(host, temporary, (file) => writeJournal(file, transaction, participants, kind));
    for (const [fileIndex, { path }] of participants.entries()) {
      if (fileIndex === 0) continue;
      const target = place.pathOf(path);
      const draft = place.temporary(target);
      made.push(draft, target);
      const pointer = { fileIndex, journalPath, imagePath: primary.path };
      await writeNew(host, draft, (file) => writePointer(file, transaction, pointer));
      await host.rename(draft, target);
      await host.flushFolder(host.folderOf(target));
    }
    made.push(journalPath);
    await host.rename(temporary, journalPath);
    await host.flushFolder(host.folderOf(journalPath));
  } catch (error) {
    await undo(host, made.reverse());
    throw error;
  }
  return { journalPath };
}

/** The journal goes first: once it is gone for good, what is left of the transaction means nothing. */
async function undo(host: TransactionHost, made: readonly string[]): Promise<void> {
  for (const path of made) await host.remove(path).catch(() => {});
  const first = made[0];
  if (first !== undefined) await host.flushFolder(host.folderOf(first)).catch(() => {});
}

async function writeNew(
  host: TransactionHost,
  path: string,
  write: (file: Awaited<ReturnType<TransactionHost['open']>>) => Promise<void>,
): Promise<void> {
  await host.remove(path);
  const file = await host.open(path, { writable: true, create: 'exclusive', mode: 0o600 });
  try {
    await write(file);
  } finally {
    await file.close();
  }
}

/** After the commit point a full disk would leave the change waiting in its journal: so look before. */
async function requireRoom(
  host: TransactionHost,
  place: JournalPlace,
  participants: readonly Participant[],
): Promise<void> {
  for (const [index, participant] of participants.entries()) {
    const room = await host.room(participant.path);
    if (room === undefined) continue;
    const growth = growthOf(participant, room);
    // Journal and images usually share one file system; where they do not, this asks for too much rather than too little.
    const needed = growth + (index === 0 ? journalRoom(changedBytes(participants)) : 0);
    if (needed <= room.free) continue;
    const reason = `no space left on device: the transaction needs ${needed} bytes, ${room.free} are free`;
    const path = index === 0 ? place.pathOf(participant.path) : participant.path;
    throw new HostError({ path, operation: 'commit', errno: 'ENOSPC', reason });
  }
}

/** Most bytes that applying may newly allocate in an image. */
function growthOf(participant: Participant, room: HostRoom): number {
  const { size } = participant.identity;
  let inside = 0;
  let beyond = 0;
  for (const run of participant.changes(Number.MAX_SAFE_INTEGER)) {
    if (run.kind === 'zero') continue;
    const past = Math.max(0, run.offset + run.length - Math.max(size, run.offset));
    beyond += past;
    inside += run.length - past;
  }
  return beyond + Math.min(inside, Math.max(0, size - room.allocated));
}
