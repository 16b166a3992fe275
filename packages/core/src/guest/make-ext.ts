import { FsError, UsageError } from '../errors/index.js';
import { formatDevice } from './make-filesystem.js';
import type { Session } from './session.js';

type OptionValue = string | number | boolean | undefined;

const MAX_RESERVED_PERCENT = 50;

/** Which member of the family: mke2fs makes ext2 unless a journal is asked for. */
function typeOf(options: Readonly<Record<string, OptionValue>>): string {
  const { fstype, hasjournal, journalsize, journaldevice } = options;
  if (typeof fstype === 'string') {
    if (/^ext[234]$/.test(fstype)) return fstype;
    throw new UsageError(`fstype is ext2, ext3 or ext4, not ${fstype}`, { argument: 'fstype' });
  }
  return hasjournal === true || journalsize !== undefined || journaldevice !== undefined ? 'ext3' : 'ext2';
}

/** A device for the journal, as the driver is told: `LABEL=` and `UUID=` must mean one that is there. */
function checkJournalDevice(g: Session, journal: OptionValue, action: string): void {
  if (typeof journal !== 'string' || g.storage.find(journal) !== undefined) return;
  throw new FsError('ENOENT', { operation: action, reason: `no journal device matches ${journal}` });
}

/**
 * Make a file system of the ext family.
 * @param options by the option names of guestfs `mke2fs`; the driver knows them
 */
export async function makeExt(
  g: Session,
  name: string,
  options: Readonly<Record<string, OptionValue>>,
  action: string,
): Promise<void> {
  const percent = options.reservedblockspercentage;
  if (typeof percent === 'number' && (percent < 0 || percent > MAX_RESERVED_PERCENT)) {
    throw new UsageError(`invalid reserved blocks percent - ${percent}`, { argument: 'reservedblockspercentage' });
  }
  for (const [option, value] of Object.entries(options)) {
    if (typeof value === 'number' && value < 0) throw new UsageError('must be >= 0', { argument: option });
  }
  checkJournalDevice(g, options.journaldevice, action);
  const given = Object.entries(options).filter((entry): entry is [string, string | number | boolean] => {
    return entry[1] !== undefined;
  });
  await formatDevice(g, typeOf(options), name, { extra: Object.fromEntries(given) }, action);
}
