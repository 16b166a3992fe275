import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemoryDevice } from '@vmcraft/core/block';
import type { BlockDevice, FileSystem, NamedDevice } from '@vmcraft/core/contracts';
import { listTree } from '@vmcraft/testkit';
import { linesIn, packedDevices, packedImages, shortened } from '../../../test/packed/devices.js';
import { btrfsDriver } from '../src/index.js';
import { attributesOf } from './support.js';

const FOLDER = join(import.meta.dirname, 'fixtures');

/** How a fixture was made. */
export interface Kind {
  readonly mkfs: readonly string[];
  readonly mount?: string;
  readonly devices: number;
  /** How many devices may be missing. */
  readonly spare?: number;
}
export const KINDS: Readonly<Record<string, Kind>> = JSON.parse(readFileSync(join(FOLDER, 'kinds.json'), 'utf8'));

export const linesOf = (name: string, folder = FOLDER): string[] => linesIn(folder, name);
export const devicesOf = (name: string, folder = FOLDER): Promise<MemoryDevice[]> => packedDevices(folder, name);
/** Unpack the devices of a fixture into files of a folder of the host. */
export const imagesOf = (name: string, folder: string): Promise<string[]> => packedImages(FOLDER, name, folder);

/** Open the first of some devices, the others being there, too. */
export function openFirst(devices: readonly BlockDevice[], warnings: string[] = []): Promise<FileSystem> {
  const [first, ...rest] = devices;
  const others = async (): Promise<readonly NamedDevice[]> =>
    rest.map((device, i) => ({ name: `/dev/vd${'bcdefghij'[i]}`, device }));
  const warn = ({ message }: { message: string }): void => void warnings.push(message);
  return btrfsDriver.open(first!, { readonly: true, peers: async () => rest, others, warn });
}

/** What is seen of a file system, in the form of make.mjs. */
export async function seenOf(devices: readonly BlockDevice[]): Promise<{ tree: string[]; attributes: string[] }> {
  await using fs = await openFirst(devices);
  // The place of a subvolume that a snapshot does not have shows the time of the look.
  const lasting = (line: string): string =>
    line.startsWith('/snap/dir/inner ') ? line.replace(/^((?:\S+ ){3})\S+/, '$1now') : line;
  const tree = (await listTree(fs, { links: true })).map(lasting).sort();
  return { tree, attributes: (await attributesOf(fs)).map(shortened).sort() };
}
