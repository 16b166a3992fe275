// Runs in the virtual machine: what its kernel and its FUSE drivers mount is written through the host's driver, and read back. Prints a line of JSON.
import { FileDevice, type FileSystem, type FsSignature, S_IFDIR, S_IFREG, supports } from '@vmcraft/core';
import { NodeHostFiles } from '@vmcraft/core/runtime';
import { pattern } from '@vmcraft/testkit';
import { HostFsDriver } from '../../packages/fs-host/src/driver.js';

const BYTES = 300_000;
const [, , folder = '', ...types] = process.argv;
const driver = new HostFsDriver();
const READ_ONLY = new Set(['erofs', 'udf']);

async function withMount<T>(
  type: string,
  readonly: boolean,
  work: (fs: FileSystem, found: FsSignature | undefined) => Promise<T>,
): Promise<T> {
  const device = new FileDevice(await new NodeHostFiles().open(`${folder}/${type}`, { writable: !readonly }));
  try {
    const found = await driver.probe(device);
    const fs = await driver.open(device, { readonly });
    try {
      return await work(fs, found);
    } finally {
      await fs.close();
    }
  } finally {
    await device.close();
  }
}

async function written(type: string): Promise<string> {
  const probed = await withMount(type, false, async (fs, found) => {
    if (!supports(fs, 'write')) throw new Error('it is not written');
    const dir = await fs.create(fs.root, 'folder', { mode: S_IFDIR | 0o755 });
    const file = await fs.create(dir, 'file', { mode: S_IFREG | 0o640 });
    await fs.write(file, 0, pattern(BYTES, 3));
    await fs.rename(dir, 'file', fs.root, 'moved');
    return found?.type;
  });
  return `${probed}, ${await read(type, 'moved')}`;
}

function read(type: string, name: string): Promise<string> {
  return withMount(type, true, async (fs) => {
    const node = await fs.lookup(fs.root, name);
    if (node === undefined) return `no ${name}`;
    const data = await fs.read(node, 0, BYTES + 1);
    return Buffer.compare(data, pattern(BYTES, 3)) === 0 ? 'read back' : `${data.length} other bytes`;
  });
}

const report: Record<string, string> = {};
for (const type of types) {
  const work = READ_ONLY.has(type) ? read(type, 'made') : written(type);
  report[type] = await work.catch((error: Error) => `failed: ${error.message}`);
}
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);
