import { alignUp, decodeUtf8 } from '@vmcraft/core/binary';
import { BIN_UNIT, BinHeader } from './layout.js';
import { DIRTY_PAGE, DIRTY_SIGNATURE } from './layout-log.js';
import type { LogFile, LoggedChange, LoggedPage } from './log-file.js';

const PAGES_PER_BYTE = 8;

/** Whether a page that begins a unit of bins may be a bin's begin: then its offset must be its own. */
function isMisplaced({ offset, data }: LoggedPage): boolean {
  if (offset % BIN_UNIT !== 0) return false;
  const header = BinHeader.decode(data);
  return header.signature === 'hbin' && (header.offset !== offset || header.size < BIN_UNIT);
}

/**
 * The change of a log of the old format; undefined when the log is not whole. Section "Old format". Pages follow the bitmap
 * in order; a bin that is not what its place says ends the recovery.
 */
export async function readOldLog(log: LogFile): Promise<LoggedChange | undefined> {
  const { source, sectorSize, base } = log;
  const { primarySequence, secondarySequence, binsSize } = base;
  if (primarySequence !== secondarySequence || binsSize === 0 || binsSize % BIN_UNIT !== 0) return undefined;
  const length = DIRTY_SIGNATURE.length + binsSize / DIRTY_PAGE / PAGES_PER_BYTE;
  if (sectorSize + length > source.size) return undefined;
  const vector = (await source.read(sectorSize, length)).slice();
  if (decodeUtf8(vector.subarray(0, DIRTY_SIGNATURE.length)) !== DIRTY_SIGNATURE) return undefined;
  const pages: LoggedPage[] = [];
  let at = alignUp(sectorSize + length, sectorSize);
  for (let page = 0; page < binsSize / DIRTY_PAGE; page++) {
    const isDirty = (vector[DIRTY_SIGNATURE.length + (page >> 3)]! >> (page & 7)) & 1;
    if (isDirty === 0) continue;
    if (at + DIRTY_PAGE > source.size) return undefined;
    const logged = { offset: page * DIRTY_PAGE, data: (await source.read(at, DIRTY_PAGE)).slice() };
    if (isMisplaced(logged)) break;
    pages.push(logged);
    at += DIRTY_PAGE;
  }
  return { sequence: primarySequence, binsSize, flags: undefined, pages };
}
