import { writeFileSync } from 'node:fs';
import { GuestFS } from 'vmcraft';
import { makeBek, makeVolume, plainVolume, VOLUME_ID } from '../../packages/storage-bitlocker/test/make-volume.js';
import { deviceSum, type VmDisks } from './disks.js';

const BEK_ID = '7b2f3e66-0001-4c0f-9d3a-5d6f0a1b2c3d';
const SIZE = 0x120000;
/** Methods of encryption: CBC with the Elephant diffuser, CBC, XTS; 128 and 256 bits of each. */
const METHODS = [0x8000, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005];
const RECIPES = [
  ...METHODS.map((method) => ({ method, layout: 'seven', sectorSize: 512 }) as const),
  { method: 0x8002, layout: 'togo', sectorSize: 512 },
  { method: 0x8004, layout: 'seven', sectorSize: 4096 },
] as const;

/** BitLocker volumes one behind the other, and the key file that opens them. */
export interface BitlockerDisk {
  /** Bytes of each volume. */
  readonly size: number;
  /** What each shows here, by its place on the disk. */
  readonly sums: readonly string[];
}

/** Write every method and layout that device mapper can read. */
export async function bitlockerDisk(disks: VmDisks, name: string, key: string): Promise<BitlockerDisk> {
  const bek = makeBek(BEK_ID);
  writeFileSync(disks.at(key), bek);
  const images: Uint8Array[] = [];
  const sums: string[] = [];
  for (const recipe of RECIPES) {
    const plain = plainVolume(SIZE, recipe.sectorSize);
    const { image } = await makeVolume({ ...recipe, plain, protectors: [{ kind: 'bek', id: BEK_ID }] });
    const path = disks.at('one.raw');
    writeFileSync(path, image);
    await using g = await GuestFS.open(path, { readonly: true, format: 'raw', keys: { '/dev/sda': bek } });
    sums.push(await deviceSum(g, `/dev/mapper/bitlk-${VOLUME_ID}`));
    images.push(image);
  }
  writeFileSync(disks.at(name), Buffer.concat(images));
  return { size: SIZE, sums };
}
