import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { makeVolume, type Places, type ProtectorRecipe } from '../../packages/storage-bitlocker/test/make-volume.js';
import type { LookAlike } from '../windows/look-alike/build.js';

const METADATA = 65_536;

/** The bytes of the Windows volume of a look-alike, and what its registry calls it. */
export function windowsVolume({ disk, layout }: LookAlike): { readonly plain: Uint8Array; readonly guid: string } {
  const { offset, size, guid } = layout.partitions.find((p) => p.role === 'windows')!;
  const plain = new Uint8Array(size);
  const file = openSync(disk, 'r');
  readSync(file, plain, 0, size, offset);
  closeSync(file);
  return { plain, guid: guid! };
}

/** Places within free clusters, where Windows keeps what BitLocker needs as files of NTFS. */
function freePlaces(plain: Uint8Array): Places {
  const free: number[] = [];
  for (let at = METADATA; at < plain.length && free.length < 4; at += METADATA) {
    if (plain.subarray(at, at + METADATA).every((byte) => byte === 0)) free.push(at);
  }
  const [header = 0, ...metadata] = free;
  return { metadata, header, headerSize: 8192 };
}

/** A copy of a look-alike's disk on which the Windows volume is encrypted. */
export async function encryptWindows(
  built: LookAlike,
  path: string,
  protectors: readonly ProtectorRecipe[],
): Promise<void> {
  const { plain } = windowsVolume(built);
  const { image, shown } = await makeVolume({ plain, method: 0x8004, protectors, places: freePlaces(plain) });
  if (Buffer.compare(shown, plain) !== 0) throw new Error('BitLocker took a cluster that is in use');
  execFileSync('cp', ['--sparse=always', built.disk, path]);
  const file = openSync(path, 'r+');
  writeSync(file, image, 0, image.length, built.layout.partitions.find((p) => p.role === 'windows')!.offset);
  closeSync(file);
}

/** Write disks as sparse files. @returns their paths */
export function writeDisks(disks: readonly Uint8Array[], prefix: string): string[] {
  return disks.map((disk, i) => {
    const path = `${prefix}-${i + 1}.raw`;
    writeFileSync(path, disk);
    execFileSync('fallocate', ['--dig-holes', path]);
    truncateSync(path, disk.length);
    return path;
  });
}
