import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemoryDevice } from '@vmcraft/core/block';
import type { BlockDevice, FileSystem } from '@vmcraft/core/contracts';
import { listTree } from '@vmcraft/testkit';
import { linesIn, packedDevices, shortened } from '../../../test/packed/devices.js';
import { xfsDriver } from '../src/index.js';
import { attributesOf } from './support.js';

const FOLDER = join(import.meta.dirname, 'fixtures');

/** Names of the packed fixtures, with the options of mkfs.xfs. */
export const KINDS: Readonly<Record<string, readonly string[]>> = JSON.parse(
  readFileSync(join(FOLDER, 'kinds.json'), 'utf8'),
);
export const linesOf = (name: string, folder = FOLDER): string[] => linesIn(folder, name);

/** The device of a packed fixture. */
export async function deviceOf(name: string, folder = FOLDER): Promise<MemoryDevice> {
  const [device] = await packedDevices(folder, name);
  return device!;
}

/** What is seen of a file system, in the form of make.mjs. */
export async function seenOf(device: BlockDevice): Promise<{ tree: string[]; attributes: string[] }> {
  await using fs = await xfsDriver.open(device, { readonly: true });
  return await seenIn(fs);
}

/** The same of one that is open. */
export async function seenIn(fs: FileSystem): Promise<{ tree: string[]; attributes: string[] }> {
  return { tree: await listTree(fs, { links: true }), attributes: (await attributesOf(fs)).map(shortened).sort() };
}
