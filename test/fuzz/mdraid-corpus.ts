import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Sample } from './fuzz-group.js';

const FIXTURES = join(import.meta.dirname, '../../packages/storage-mdraid/test/fixtures');

/** Arrays of every kind of metadata and level, and in every state that has structures of its own. */
const NAMES = [
  ...['linear-11', 'raid0-zones-original', 'raid1-bitmap-090', 'raid1-replace', 'raid4-090', 'raid5-090', 'raid5-10'],
  ...['raid5-badblocks', 'raid5-rebuild', 'raid5-stale-bitmap', 'raid6-ddf-N-continue', 'raid10-f2-3', 'raid10-bitmap'],
  'raid5-journal-dirty',
];

/** Bytes from a superblock on that are damaged: they hold its bitmap and its log of bad blocks, too. */
const WINDOW = 12_288;

/** What a sample stands for: disks of which only windows are in it, one behind the other. */
export interface SampleMap {
  /** The disks as they were, one behind the other. */
  readonly base: string;
  readonly disks: readonly number[];
  /** Where each window begins in the disks, and its length. */
  readonly windows: readonly (readonly [at: number, length: number])[];
}

/** Where the superblock of a member lies. */
function superblockOf(disk: Buffer): number {
  const end = disk.length - (disk.length % 65_536) - 65_536;
  const last = (disk.length / 512 - 16) * 512;
  const places = [4096, 0, end, last - (last % 4096)];
  return places.find((at) => disk.readUInt32LE(at) === 0xa92b4efc)!;
}

/** Where the log of a write journal begins, on the disk that is one. */
function logOf(disk: Buffer, superblock: number): number | undefined {
  const isJournal = disk.readUInt16LE(superblock + 256 + disk.readUInt32LE(superblock + 160) * 2) === 0xfffd;
  if (superblock !== 4096 || !isJournal) return undefined;
  return Number(disk.readBigUInt64LE(superblock + 128) + disk.readBigUInt64LE(superblock + 152)) * 512;
}

/** The superblocks of each array and what lies around them. */
export function makeMdraidCorpus(folder: string): readonly Sample[] {
  return NAMES.flatMap((name) => {
    const files = readdirSync(FIXTURES).filter((file) => /^(.+)-\d+\.img\.gz$/.exec(file)?.[1] === name);
    const disks = files.sort().map((file) => gunzipSync(readFileSync(join(FIXTURES, file))));
    const all = Buffer.concat(disks);
    let start = 0;
    const windows = disks.flatMap((disk): [number, number][] => {
      const at = superblockOf(disk);
      start += disk.length;
      const own = start - disk.length;
      const superblock: [number, number] = [own + at, Math.min(WINDOW, disk.length - at)];
      const log = logOf(disk, at);
      return log === undefined ? [superblock] : [superblock, [own + log, WINDOW]];
    });
    const base = join(folder, `${name}.base`);
    const path = join(folder, `${name}.img`);
    writeFileSync(base, all);
    writeFileSync(path, Buffer.concat(windows.map(([at, length]) => all.subarray(at, at + length))));
    const map: SampleMap = { base, disks: disks.map((disk) => disk.length), windows };
    const format = JSON.stringify(map);
    return [
      { name, kind: 'damaged', format, path, weight: 1 },
      { name: `${name}-resealed`, kind: 'resealed', format, path, weight: 4 },
    ];
  });
}
