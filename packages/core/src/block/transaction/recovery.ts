import { equalBytes } from '../../binary/index.js';
import type { HostFile, ImageLock, TransactionHost, WarningSink } from '../../contracts/index.js';
import { CorruptImageError, TruncatedImageError } from '../../errors/index.js';
import { type ApplyTarget, applyChanges, changesIn } from './apply.js';
import { JOURNAL_KIND } from './journal-layout.js';
import type { JournalPlace } from './journal-place.js';
import { Journal, type JournalFile, type JournalPointer } from './journal-reader.js';
import { foreignChange } from './same-image.js';

/**
 * What to do with a committed journal that does not fit the image beside it, because the image was changed or replaced since, or with one
 * that cannot be read: `refuse` to open (the default), `discard` it, or `apply` it all the same.
 */
export type StaleJournalPolicy = 'refuse' | 'discard' | 'apply';

/** What recovery works with. */
export interface RecoveryContext {
  readonly host: TransactionHost;
  readonly place: JournalPlace;
  readonly stale: StaleJournalPolicy;
  readonly warn: WarningSink;
}

/** A committed journal that changes an image. */
export interface PendingJournal {
  readonly journal: Journal;
  readonly path: string;
  /** The image's own part of it. */
  readonly file: JournalFile;
}

const SOURCE = 'transaction';

/** The image is not opened because of its journal; tells such an error from one of the journal's bytes. */
class RefusedJournalError extends CorruptImageError {}

function refusal(imagePath: string, journalPath: string, reason: string, cause?: unknown): CorruptImageError {
  const advice = `${imagePath} may be half changed; see the option staleJournal to discard or apply the journal`;
  return new RefusedJournalError(
    { structure: 'vmcraft_journal', reason: `${journalPath}: ${reason}; ${advice}` },
    cause,
  );
}

/** Open and verify what lies at a journal's place; undefined when nothing does. */
async function openJournal(
  context: RecoveryContext,
  imagePath: string,
  path: string,
): Promise<Journal | JournalPointer | undefined> {
  if ((await context.host.stat(path)) === undefined) return undefined;
  if (!(await context.host.trusts(path, imagePath))) {
    throw refusal(imagePath, path, 'it belongs to another user or is no plain file');
  }
  const file = await context.host.open(path, { writable: false });
  let journal: Journal | JournalPointer;
  try {
    journal = await Journal.open(file);
  } catch (error) {
    await file.close();
    throw error;
  }
  if (!(journal instanceof Journal)) await file.close();
  return journal;
}

/**
 * The committed journal that changes an image, beside it or where a pointer says. A pointer whose transaction is over, or was never
 * committed, is no journal.
 * @throws CorruptImageError when there is one that cannot be read or believed
 */
export async function findJournal(context: RecoveryContext, imagePath: string): Promise<PendingJournal | undefined> {
  const path = context.place.pathOf(imagePath);
  try {
    const found = await openJournal(context, imagePath, path);
    if (found === undefined) return undefined;
    if (found instanceof Journal) return { journal: found, path, file: found.files[0]! };
    return await followPointer(context, imagePath, path, found);
  } catch (error) {
    if (!(error instanceof CorruptImageError || error instanceof TruncatedImageError)) throw error;
    if (context.stale !== 'discard')
      throw error instanceof RefusedJournalError ? error : refusal(imagePath, path, error.message, error);
    context.warn({ source: SOURCE, message: `${path}: ignored: ${error.message}` });
    return undefined;
  }
}

async function followPointer(
  context: RecoveryContext,
  imagePath: string,
  path: string,
  pointer: JournalPointer,
): Promise<PendingJournal | undefined> {
  const journal = await openJournal(context, imagePath, pointer.journalPath);
  if (journal === undefined && (await context.host.stat(pointer.imagePath)) === undefined) {
    // The journal may have moved away together with its image, so it may be committed.
    throw refusal(imagePath, path, `it names a journal beside ${pointer.imagePath}, which is gone`);
  }
  if (!(journal instanceof Journal)) return undefined;
  if (!equalBytes(journal.transaction, pointer.transaction)) {
    await journal.close();
    return undefined;
  }
  const file = journal.files[pointer.fileIndex];
  if (file !== undefined) return { journal, path: pointer.journalPath, file };
  await journal.close();
  throw refusal(imagePath, path, `the journal has no file ${pointer.fileIndex}`);
}

/**
 * Check that a journal belongs to an image, by the caller's policy.
 * @returns false when the journal is to be discarded
 * @throws CorruptImageError when it does not belong to the image and the policy is to refuse
 */
export async function belongs(
  context: RecoveryContext,
  pending: PendingJournal,
  image: Pick<HostFile, 'path' | 'identity' | 'read' | 'size'>,
): Promise<boolean> {
  const foreign = await foreignChange(pending.journal, pending.file, image, await image.identity());
  if (foreign === undefined) return true;
  if (context.stale === 'refuse') throw refusal(image.path, pending.path, foreign);
  const verb = context.stale === 'apply' ? 'applied all the same' : 'discarded';
  context.warn({ source: SOURCE, message: `${pending.path}: ${verb}, although ${foreign}` });
  return context.stale === 'apply';
}

/** An image of a journal, opened for applying it. */
interface Target {
  readonly pending: PendingJournal;
  readonly image: HostFile;
  readonly lock?: ImageLock;
}

/**
 * Finish a committed transaction on the host, if there is one that changes `imagePath`; all its images at once. The caller holds the lock
 * of `imagePath`.
 * @throws CorruptImageError when the journal is damaged or does not belong here
 * @throws HostError, LockedError when another image of the transaction cannot be opened for writing
 */
export async function recover(context: RecoveryContext, imagePath: string): Promise<void> {
  const pending = await findJournal(context, imagePath);
  if (pending === undefined) return removeLeftovers(context, imagePath);
  const targets: Target[] = [];
  try {
    if (pending.journal.kind !== JOURNAL_KIND.journal) {
      throw refusal(
        imagePath,
        pending.path,
        'it was made by a backend that writes through another program; use that one',
      );
    }
    let fits = true;
    for (const [index, file] of pending.journal.files.entries()) {
      const target = await openTarget(
        context,
        { ...pending, file },
        index,
        file === pending.file ? imagePath : undefined,
      );
      targets.push(target);
      fits = fits && (await belongs(context, target.pending, target.image));
    }
    if (fits) {
      for (const { pending: part, image } of targets) {
        await applyChanges(image, part.file, changesIn(part.journal, part.file.runs));
      }
      context.warn({
        source: SOURCE,
        message: `${imagePath}: finished a transaction that was interrupted after its commit`,
      });
    }
    await finish(
      context,
      pending.path,
      targets.map(({ image }) => image.path),
    );
  } finally {
    for (const { image } of targets) await image.close();
    for (const { lock } of targets) await lock?.release();
    await pending.journal.close();
  }
}

async function openTarget(
  context: RecoveryContext,
  pending: PendingJournal,
  index: number,
  known: string | undefined,
): Promise<Target> {
  if (known !== undefined)
    return { pending, image: await context.host.open(known, { writable: true, ignoreLocks: true }) };
  const path = await locate(context, pending, index);
  const lock = await context.host.lock(path, { required: true });
  try {
    return { pending, image: await context.host.open(path, { writable: true, ignoreLocks: true }), lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Where another image of a transaction is. A journal alone does not make us write to any path it names: the image must confirm it, by its
 * place beside the journal or by a pointer of the same transaction beside the image.
 */
async function locate(context: RecoveryContext, pending: PendingJournal, index: number): Promise<string> {
  const { host, place } = context;
  const { file, path: journalPath, journal } = pending;
  const folder = host.folderOf(journalPath);
  const moved = file.relativePath === '' ? [] : [host.join(folder, file.relativePath)];
  for (const candidate of [...moved, file.path]) {
    if ((await host.stat(candidate)) === undefined) continue;
    const real = await host.realPath(candidate);
    if (index === 0 && place.pathOf(real) === journalPath) return real;
    if (index === 0) continue;
    const pointer = await openJournal(context, real, place.pathOf(real));
    if (pointer instanceof Journal) await pointer.close();
    else if (pointer !== undefined && equalBytes(pointer.transaction, journal.transaction)) return real;
  }
  throw refusal(file.path, journalPath, `the transaction also changes ${file.path}, which is not there`);
}

/** Remove a journal that is done with, and only then the pointers to it. */
export async function finish(context: RecoveryContext, journalPath: string, images: readonly string[]): Promise<void> {
  const { host, place } = context;
  await host.remove(journalPath);
  await host.flushFolder(host.folderOf(journalPath));
  for (const image of images) await host.remove(place.pathOf(image));
}

/** What an interrupted commit left before its commit point, or after its end. */
async function removeLeftovers(context: RecoveryContext, imagePath: string): Promise<void> {
  const path = context.place.pathOf(imagePath);
  for (const leftover of [context.place.temporary(path), path]) {
    if ((await context.host.stat(leftover)) !== undefined) await context.host.remove(leftover);
  }
}

/** Finish a committed transaction on a device, through the backend that writes it; see {@link TransactionalDevice}. */
export async function recoverDevice(
  context: RecoveryContext,
  image: ApplyTarget & Pick<HostFile, 'path' | 'identity'>,
): Promise<void> {
  const pending = await findJournal(context, image.path);
  if (pending === undefined) return removeLeftovers(context, image.path);
  try {
    if (pending.journal.kind !== JOURNAL_KIND.device) {
      throw refusal(
        image.path,
        pending.path,
        'it changes the image file itself; open the image without this backend first',
      );
    }
    if (await belongs(context, pending, image)) {
      await applyChanges(image, pending.file, changesIn(pending.journal, pending.file.runs));
    }
    await finish(context, pending.path, []);
  } finally {
    await pending.journal.close();
  }
}
