import { join } from 'node:path';
import type { HostFiles } from '@vmcraft/core';

/** Names of the two images of the guest. */
export const NAMES = ['a.img', 'b.img'] as const;
const BLOCK = 4096;
/** Blocks that are rewritten in each generation, apart from each other. */
const BLOCKS = 64;
const STRIDE = 3;

/** Size of an image at a generation, bytes: it grows and shrinks. */
export function sizeAt(generation: number): number {
  return BLOCKS * STRIDE * BLOCK + (generation % 3) * 5000;
}

/** Bring both images to a generation, in the transaction. */
export async function writeGeneration(files: HostFiles, folder: string, generation: number): Promise<void> {
  for (const name of NAMES) {
    const file = await files.open(join(folder, name), { writable: true });
    await file.truncate(sizeAt(generation));
    for (let block = 0; block < BLOCKS; block++) {
      await file.write(block * STRIDE * BLOCK, new Uint8Array(BLOCK).fill(generation & 0xff));
    }
    await file.close();
  }
}

/** The generation at which an image is; a text that says what is wrong when it is at none. */
export async function generationOf(files: HostFiles, path: string): Promise<number | string> {
  const file = await files.open(path, { writable: true });
  try {
    const data = await file.read(0, file.size);
    const found = data[0]!;
    for (let block = 0; block < BLOCKS; block++) {
      for (let i = 0; i < BLOCK; i++) {
        const at = block * STRIDE * BLOCK + i;
        if (data[at] !== found) return `${path}: byte ${at} is of generation ${data[at]}, the first of ${found}`;
      }
    }
    return file.size === sizeAt(found) ? found : `${path}: generation ${found} has the size ${file.size}`;
  } finally {
    await file.close();
  }
}
