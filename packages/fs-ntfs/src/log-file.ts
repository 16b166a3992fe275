import type { BlockDevice } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';
import { type Attribute, sizeOf } from './attribute.js';
import { type ClusterSource, piecesOf, readAttribute } from './attribute-reader.js';
import { undoFixups } from './fixup.js';
import {
  Magic,
  multiSectorHeader,
  NO_LOG_CLIENT,
  RESTART_VOLUME_IS_CLEAN,
  restartArea,
  restartPage,
} from './layout.js';

/** Restart pages are looked for where ntfs.sys puts them, with pages of 512 bytes to 64 KiB. */
const MAX_PAGE = 65536;
const MIN_PAGE = 512;
const CHUNK = 1024 * 1024;
/** What an empty log is filled with. */
const EMPTY = 0xff;

/** State of $LogFile: whether records in it wait to be replayed. */
export type LogState = 'empty' | 'clean' | 'dirty';

/** Look at both restart pages. Linux-NTFS documentation, "$LogFile". */
export async function logState(source: ClusterSource, attribute: Attribute): Promise<LogState> {
  const head = await readAttribute(source, attribute, 0, 2 * MAX_PAGE);
  if (isEmpty(head)) return 'empty';
  // Of the two restart pages the one written last counts.
  let newest: Restart | undefined;
  for (const at of [0, 4096, ...powers()]) {
    const restart = restartAt(head, at);
    if (restart !== undefined && (newest === undefined || restart.lsn > newest.lsn)) newest = restart;
  }
  return newest?.clean === true ? 'clean' : 'dirty';
}

/** What a restart page says. */
interface Restart {
  readonly clean: boolean;
  readonly lsn: bigint;
}

function isEmpty(head: Uint8Array): boolean {
  for (let i = 0; i < head.length; i++) if (head[i] !== EMPTY) return false;
  return true;
}

function powers(): number[] {
  const out: number[] = [];
  for (let at = MIN_PAGE; at <= MAX_PAGE; at *= 2) if (at !== 4096) out.push(at);
  return out;
}

/** What the restart page at `at` says; undefined when there is none that is whole. */
function restartAt(head: Uint8Array, at: number): Restart | undefined {
  if (at + restartPage.size > head.length) return undefined;
  const page = restartPage.decode(head, at);
  if (page.magic !== Magic.restart && page.magic !== Magic.checked) return undefined;
  const size = page.systemPageSize;
  if (size < MIN_PAGE || size > MAX_PAGE || size % MIN_PAGE !== 0 || at + size > head.length) return undefined;
  const data = head.slice(at, at + size);
  try {
    undoFixups(data, '$LogFile restart page', at);
  } catch (error) {
    if (isVmcraftError(error)) return undefined;
    throw error;
  }
  if (multiSectorHeader.decode(data).usaOffset > page.restartOffset) return undefined;
  if (page.restartOffset + restartArea.size > size) return undefined;
  const area = restartArea.decode(data, page.restartOffset);
  const clean = area.clientInUseList === NO_LOG_CLIENT || (area.flags & RESTART_VOLUME_IS_CLEAN) !== 0;
  return { clean, lsn: area.currentLsn };
}

/** Empty the log, so that nobody replays old records over new changes. */
export async function emptyLog(
  source: ClusterSource & { readonly device: BlockDevice },
  attribute: Attribute,
): Promise<void> {
  const body = attribute.nonResident;
  if (body === undefined) return;
  const filled = new Uint8Array(CHUNK).fill(EMPTY);
  for (const piece of piecesOf(source, body, 0, Math.min(sizeOf(attribute), body.allocatedSize))) {
    for (let at = 0; at < piece.length && piece.position >= 0; at += CHUNK) {
      await source.device.write(piece.position + at, filled.subarray(0, Math.min(CHUNK, piece.length - at)));
    }
  }
}
