import {
  type BlockDevice,
  type FileSystem,
  type FsDriver,
  type FsNode,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  supports,
} from '@vmcraft/core';

/** Entries looked at in one tree; enough to touch every structure, few enough for thousands of trees. */
const MAX_ENTRIES = 400;
const MAX_DEPTH = 12;
const PREFIX = 128 * 1024;

/** Open a damaged file system, look at everything in it, and with `write` change it. */
export async function exerciseFs(driver: FsDriver, device: BlockDevice, write: boolean): Promise<void> {
  await driver.probe(device);
  const fs = await driver.open(device, { readonly: !write });
  try {
    const failures: unknown[] = [];
    await walk(fs, fs.root, 0, { left: MAX_ENTRIES }, failures);
    await fs.statfs().catch((error: unknown) => failures.push(error));
    await aboutSubvolumes(fs).catch((error: unknown) => failures.push(error));
    if (write) await change(fs).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  } finally {
    await fs.close();
  }
}

/** What a file system of several trees tells of them. */
async function aboutSubvolumes(fs: FileSystem): Promise<void> {
  if (!supports(fs, 'subvolumes')) return;
  fs.members();
  await fs.subvolumes();
  await fs.defaultSubvolume();
  await fs.subvolumeOf(fs.root);
  await fs.quotaGroups();
  await fs.hasPausedBalance();
}

/** Look at everything; a broken entry does not end the walk, as it would not end a user's. */
async function walk(
  fs: FileSystem,
  dir: FsNode,
  depth: number,
  budget: { left: number },
  failures: unknown[],
): Promise<void> {
  if (depth > MAX_DEPTH) return;
  try {
    for await (const { name, node } of fs.readdir(dir)) {
      if (budget.left-- <= 0) return;
      await look(fs, node, dir, name, depth, budget, failures);
    }
  } catch (error) {
    failures.push(error);
  }
}

async function look(
  fs: FileSystem,
  node: FsNode,
  dir: FsNode,
  name: string,
  depth: number,
  budget: { left: number },
  failures: unknown[],
): Promise<void> {
  try {
    await fs.lookup(dir, name);
    const { mode, size } = await fs.stat(node);
    if (supports(fs, 'xattr')) for (const key of await fs.listXattr(node)) await fs.getXattr(node, key);
    if ((mode & S_IFMT) === S_IFDIR) return await walk(fs, node, depth + 1, budget, failures);
    if ((mode & S_IFMT) !== S_IFREG)
      return void (await fs.readlink(node).catch((error: unknown) => failures.push(error)));
    await fs.read(node, 0, PREFIX, { bulk: true });
    await fs.read(node, Math.max(0, size - 1000), 2000);
    if (supports(fs, 'sparse')) for await (const run of fs.extents(node)) if (run.offset > PREFIX) break;
  } catch (error) {
    failures.push(error);
  }
}

async function change(fs: FileSystem): Promise<void> {
  if (!supports(fs, 'write')) return;
  const dir = await fs.create(fs.root, 'fuzz-dir', { mode: S_IFDIR | 0o755 });
  const file = await fs.create(dir, 'fuzz-file', { mode: S_IFREG | 0o644 });
  await fs.write(file, 5000, new Uint8Array(20_000).fill(1));
  await fs.truncate(file, 100);
  await fs.rename(dir, 'fuzz-file', fs.root, 'fuzz-moved');
  await fs.unlink(fs.root, 'fuzz-moved');
  for await (const { name, type } of fs.readdir(fs.root)) {
    if (type === 'r') {
      await fs.unlink(fs.root, name);
      break;
    }
  }
  await fs.sync();
}
