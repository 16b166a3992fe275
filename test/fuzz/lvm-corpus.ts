import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isZero } from '@vmcraft/core/binary';
import type { Sample } from './fuzz-group.js';

const FIXTURES = join(import.meta.dirname, '../../packages/storage-lvm/test/fixtures');

/** Fixtures, and how many of the mutations each gets: as they are, and with checksums that are right again. */
const GROUPS: readonly (readonly [group: string, damaged: number, resealed: number])[] = [
  ['ring', 20, 60],
  ['linear', 1, 2],
  ['snapshot', 6, 10],
  ['thin', 1, 5],
  ['raid', 0.3, 0.3],
  ['cache', 0.3, 1],
];

/** Bytes of a page. */
export const PAGE = 16_384;

/** How a sample stands for disks: it has only the pages that hold anything. */
export interface SampleMap {
  readonly disks: readonly number[];
  /** Number of each page in the disks one behind the other. */
  readonly pages: readonly number[];
}

/** All disks of a group one behind the other. */
export function makeLvmCorpus(folder: string): readonly Sample[] {
  return GROUPS.flatMap(([group, damaged, resealed]) => {
    const files = readdirSync(FIXTURES).filter((name) => name.startsWith(`${group}-`) && name.endsWith('.img.gz'));
    const disks = files.sort().map((name) => gunzipSync(readFileSync(join(FIXTURES, name))));
    const all = Buffer.concat(disks);
    const numbers = Array.from({ length: Math.ceil(all.length / PAGE) }, (_, i) => i);
    const pages = numbers.filter((i) => !isZero(all.subarray(i * PAGE, (i + 1) * PAGE)));
    const path = join(folder, `${group}.img`);
    writeFileSync(path, Buffer.concat(pages.map((i) => all.subarray(i * PAGE, (i + 1) * PAGE))));
    const map: SampleMap = { disks: disks.map((disk) => disk.length), pages };
    const format = JSON.stringify(map);
    return [
      { name: group, kind: 'damaged', format, path, weight: damaged },
      { name: `${group}-resealed`, kind: 'resealed', format, path, weight: resealed },
    ];
  });
}
