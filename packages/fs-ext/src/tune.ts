import { encodeUtf8 } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import type { Change } from './change.js';
import { updateBackups } from './label.js';
import { INCOMPAT, type SuperblockFields } from './layout.js';

/** Settings by the option names of guestfs `tune2fs`. */
export type TuneSettings = Readonly<Record<string, string | number | boolean>>;

const ERROR_BEHAVIOURS: Readonly<Record<string, number>> = { continue: 1, 'remount-ro': 2, panic: 3 };
const LAST_MOUNTED_SIZE = 64;
/** Reserved blocks may be at most this share of all, in percent. */
const MAX_RESERVED = 50;

function invalid(reason: string): FsError {
  return new FsError('EINVAL', { operation: 'tune2fs', reason });
}

function integer(name: string, value: string | number | boolean, min: number, max: number): number {
  const n = typeof value === 'boolean' ? Number.NaN : Number(value);
  if (!Number.isInteger(n) || n < min || n > max)
    throw invalid(`${name} must be a whole number from ${min} to ${max}, not ${value}`);
  return n;
}

/** One setting as superblock fields. `blocks` is the size of the file system. */
type Setting = (value: string | number | boolean, blocks: number) => Partial<SuperblockFields>;

function reserved(count: number): Partial<SuperblockFields> {
  return { reservedBlocksLo: count >>> 0, reservedBlocksHi: Math.floor(count / 0x100000000) };
}

const SETTINGS: Readonly<Record<string, Setting>> = {
  // There is nothing it would have to override here.
  force: () => ({}),
  // 0 and -1 both mean that mounts are not counted towards a check.
  maxmountcount: (value) => ({ maxMountCount: (integer('maxmountcount', value, -1, 0x7fff) || -1) & 0xffff }),
  mountcount: (value) => ({ mountCount: integer('mountcount', value, 0, 0xffff) }),
  errorbehavior: (value) => {
    const errors = ERROR_BEHAVIOURS[String(value)];
    if (errors === undefined) throw invalid(`errorbehavior is continue, remount-ro or panic, not ${value}`);
    return { errors };
  },
  group: (value) => ({ defaultReservedGid: integer('group', value, 0, 0xffff) }),
  user: (value) => ({ defaultReservedUid: integer('user', value, 0, 0xffff) }),
  intervalbetweenchecks: (value) => ({ checkInterval: integer('intervalbetweenchecks', value, 0, 0xffffffff) }),
  reservedblockspercentage: (value, blocks) => {
    const percent = Number(value);
    if (!(percent >= 0 && percent <= MAX_RESERVED))
      throw invalid(`reservedblockspercentage must be 0 to ${MAX_RESERVED}, not ${value}`);
    return reserved(Math.floor((blocks * percent) / 100));
  },
  reservedblockscount: (value, blocks) => reserved(integer('reservedblockscount', value, 0, Math.floor(blocks / 2))),
  lastmounteddirectory: (value) => {
    const lastMounted = encodeUtf8(String(value));
    if (lastMounted.length >= LAST_MOUNTED_SIZE)
      throw invalid(`lastmounteddirectory has at most ${LAST_MOUNTED_SIZE - 1} bytes`);
    return { lastMounted };
  },
};

/** Change settings of the superblock and of its backups. All are checked before any is changed. @throws FsError EINVAL */
export async function tuneSuperblock(change: Change, settings: TuneSettings): Promise<void> {
  const { superblock, geometry } = change.volume;
  const fields: Partial<SuperblockFields> = {};
  for (const [name, value] of Object.entries(settings)) {
    const setting = SETTINGS[name];
    if (setting === undefined) throw invalid(`unknown setting ${name}`);
    Object.assign(fields, setting(value, geometry.blocksCount));
  }
  if (!superblock.hasIncompat(INCOMPAT.BIT64)) delete fields.reservedBlocksHi;
  superblock.set(fields);
  await updateBackups(change);
}
