import type { InodeFlagsFs } from '../contracts/index.js';
import { type FileSystem, supports } from '../contracts/index.js';
import { FsError, UsageError } from '../errors/index.js';
import type { Location } from '../vfs/index.js';
import type { Session } from './session.js';

/** Letters of lsattr(1) and the inode flags they stand for: <linux/fs.h>, `FS_*_FL`. */
const FLAG_OF: Readonly<Record<string, number>> = {
  A: 0x80,
  C: 0x800000,
  D: 0x10000,
  E: 0x800,
  F: 0x40000000,
  I: 0x1000,
  N: 0x10000000,
  P: 0x20000000,
  S: 0x8,
  T: 0x20000,
  V: 0x100000,
  a: 0x20,
  c: 0x4,
  d: 0x40,
  e: 0x80000,
  h: 0x40000,
  i: 0x10,
  j: 0x4000,
  s: 0x1,
  t: 0x8000,
  u: 0x2,
  x: 0x2000000,
};
/** Those that chattr(1) changes. The others say how the file is stored. */
const SETTABLE = 'aAcCdDijPsStTuFx';
const MAX_GENERATION = 0xffffffff;

interface FlagsAt {
  readonly fs: FileSystem & InodeFlagsFs;
  readonly location: Location;
}

/** What is at a path, on a file system that has inode flags. @throws FsError ENOTSUP */
async function flagsAt(g: Session, path: string, action: string): Promise<FlagsAt> {
  const location = await g.vfs.resolve(path, action);
  const { fs } = location.mount;
  if (supports(fs, 'flags')) return { fs, location };
  throw new FsError('ENOTSUP', { operation: action, path, reason: `${fs.identity.type} has no file attributes` });
}

function requireWritable(g: Session, { location }: FlagsAt, action: string, path: string): void {
  g.vfs.edit.writable(location, action, path);
}

/** The letters of a file's attributes, capitals first. */
export async function attributesOf(g: Session, path: string): Promise<string> {
  const { fs, location } = await flagsAt(g, path, 'get_e2attrs');
  const flags = await fs.getFlags(location.node);
  return Object.keys(FLAG_OF)
    .filter((letter) => (flags & FLAG_OF[letter]!) !== 0)
    .sort()
    .join('');
}

/** Set or clear attributes of a file; others stay. @throws UsageError for a letter that cannot be changed */
export async function changeAttributes(g: Session, path: string, letters: string, clear: boolean): Promise<void> {
  let mask = 0;
  for (const letter of letters) {
    const flag = SETTABLE.includes(letter) ? FLAG_OF[letter] : undefined;
    if (flag === undefined) throw new UsageError(`attribute '${letter}' cannot be changed`, { argument: 'attrs' });
    if ((mask & flag) !== 0) throw new UsageError(`duplicate file attribute '${letter}'`, { argument: 'attrs' });
    mask |= flag;
  }
  const at = await flagsAt(g, path, 'set_e2attrs');
  requireWritable(g, at, 'set_e2attrs', path);
  const { fs, location } = at;
  const flags = await fs.getFlags(location.node);
  const wanted = clear ? flags & ~mask : flags | mask;
  if (wanted !== flags) await fs.setFlags(location.node, wanted >>> 0);
}

/** The generation number of an inode. */
export async function generationOf(g: Session, path: string): Promise<number> {
  const { fs, location } = await flagsAt(g, path, 'get_e2generation');
  return fs.getGeneration(location.node);
}

/** @throws UsageError unless it fits 32 bits */
export async function changeGeneration(g: Session, path: string, generation: number): Promise<void> {
  if (generation < 0 || generation > MAX_GENERATION) {
    throw new UsageError(`a generation is 0 to ${MAX_GENERATION}`, { argument: 'generation' });
  }
  const at = await flagsAt(g, path, 'set_e2generation');
  requireWritable(g, at, 'set_e2generation', path);
  await at.fs.setGeneration(at.location.node, generation);
}
