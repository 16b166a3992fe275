import { ReferenceFsDriver } from '../../../testkit/src/reference/memory-fs-driver.js';
import { MemoryDevice } from '../../src/block/index.js';
import type { FileSystem } from '../../src/contracts/index.js';
import { Vfs } from '../../src/vfs/index.js';

/** An empty file system in memory. */
export async function memoryFs(readonly = false): Promise<FileSystem> {
  const device = new MemoryDevice(4 << 20);
  const driver = new ReferenceFsDriver();
  await driver.format(device);
  return driver.open(device, { readonly });
}

/** A tree with one empty file system on `/`. */
export async function memoryVfs(): Promise<Vfs> {
  const vfs = new Vfs();
  await vfs.mount(await memoryFs(), '/', { source: '/dev/sda1', readonly: false });
  return vfs;
}

/** Make a file with contents. */
export async function put(vfs: Vfs, path: string, content = 'x'): Promise<void> {
  const file = await vfs.edit.open(path, { create: 0o666, truncate: true });
  await file.write(0, new TextEncoder().encode(content));
}

/** The code of the error that a promise ends with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'no error';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
