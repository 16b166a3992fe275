import type { HostFileIdentity } from '../../contracts/index.js';
import type { ApplyTarget } from './apply.js';
import { SECTOR } from './journal-layout.js';
import type { Journal, JournalFile, JournalRun } from './journal-reader.js';
import { sectorChecksum } from './journal-writer.js';

/**
 * Why a journal does not belong to what is at the image's place now, or undefined when it does: the image is as it was before the
 * commit, or changed by nothing but this journal.
 *
 * The modification time settles it when nothing was applied. Otherwise every witnessed sector must be as it was before, as the journal
 * makes it, or zero where the image was cut; anything else was written by somebody else after the commit.
 */
export async function foreignChange(
  journal: Journal,
  file: JournalFile,
  target: Pick<ApplyTarget, 'read' | 'size'>,
  identity: HostFileIdentity,
): Promise<string | undefined> {
  if (BigInt.asUintN(64, identity.ino) !== file.ino) return 'it was made for another file of that name';
  if (identity.size === file.size && BigInt.asUintN(64, identity.mtimeNs) === file.mtimeNs) return undefined;
  if (target.size > Math.max(file.size, file.finalSize)) return 'the image has grown since';
  for (const run of file.runs) {
    const at = await foreignSector(journal, file, run, target);
    if (at !== undefined) return `the image was changed since, at byte ${at}`;
  }
  return undefined;
}

async function foreignSector(
  journal: Journal,
  file: JournalFile,
  run: JournalRun,
  target: Pick<ApplyTarget, 'read' | 'size'>,
): Promise<number | undefined> {
  const witnesses = await journal.witnessesOf(run);
  const step = journal.witnessStride * SECTOR;
  const whole = journal.witnessStride === 1 && !run.zero;
  const current = whole ? await target.read(run.offset, run.length) : undefined;
  const made = whole ? await journal.dataOf(run, 0, run.length) : undefined;
  for (const [k, old] of witnesses.entries()) {
    const within = k * step;
    const length = Math.min(SECTOR, run.length - within);
    const at = run.offset + within;
    const now = sectorChecksum(current ?? (await target.read(at, length)), whole ? within : 0, length);
    if (now === old) continue;
    if (now === sectorChecksum(made ?? (await journal.dataOf(run, within, length)), whole ? within : 0, length))
      continue;
    const maybeCut = at >= file.cutTo || at + length > target.size;
    if (!(maybeCut && now === sectorChecksum(new Uint8Array(0), 0, length))) return at;
  }
  return undefined;
}
