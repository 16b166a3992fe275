import { imageBackend } from '@vmcraft/backend-image';
import {
  type BlockDevice,
  type FileSystem,
  type FsDriver,
  type FsNode,
  hasSparseMap,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  supports,
} from '@vmcraft/core';
import { readPartitionTable } from '@vmcraft/core/partition';
import { StorageTree } from '@vmcraft/core/storage';
import { extDriver } from '@vmcraft/fs-ext';
import { fatDriver } from '@vmcraft/fs-fat';
import type { PatchedBytes } from './mutate.js';
import { PATCHED_PATH, PatchedDevice, PatchedFiles } from './patched.js';

/** What a sample is. */
export type SampleKind = 'image' | 'partition' | 'ext' | 'fat';

/** Entries looked at in one tree; enough to touch every structure, few enough for thousands of trees. */
const MAX_ENTRIES = 400;
const MAX_DEPTH = 12;
const PREFIX = 128 * 1024;

/** Use a damaged sample as a user would: open, walk, read, and on writable file systems write. */
export async function exercise(kind: SampleKind, data: PatchedBytes, format: string, write: boolean): Promise<void> {
  data.sealed = !write;
  if (kind === 'image') return exerciseImage(data, format, write);
  if (kind === 'partition') return exerciseTable(data);
  const driver = kind === 'ext' ? extDriver() : fatDriver;
  return exerciseFs(driver, new PatchedDevice(data), write);
}

async function exerciseImage(data: PatchedBytes, format: string, write: boolean): Promise<void> {
  const files = new PatchedFiles(data);
  const readonly = !write;
  const context = { files, warn: () => undefined };
  await imageBackend.probe({ path: PATCHED_PATH, readonly: true }, context);
  const session = await imageBackend.open({ path: PATCHED_PATH, format, readonly }, context);
  try {
    await readAround(session.device);
    if (session.device.writable) {
      await session.device.write(
        Math.min(70_000, Math.max(0, session.device.size - 4096)),
        new Uint8Array(Math.min(4096, session.device.size)).fill(7),
      );
      await session.device.flush();
    }
  } finally {
    await session.close();
  }
}

async function readAround(device: BlockDevice): Promise<void> {
  const spots = [0, 65_536, Math.floor(device.size / 2), device.size - 70_000];
  for (const spot of spots) {
    const at = Math.max(0, Math.min(spot, device.size));
    await device.read(at, Math.min(70_000, device.size - at), { bulk: true });
  }
  if (!hasSparseMap(device)) return;
  let runs = 0;
  for await (const _ of device.extents(0, device.size)) if (++runs > 10_000) break;
}

async function exerciseTable(data: PatchedBytes): Promise<void> {
  const device = new PatchedDevice(data);
  await readPartitionTable(device);
  const tree = await StorageTree.discover([{ device }], {
    activators: [],
    keys: { keysFor: async () => [] },
    warn: () => undefined,
  });
  for (const { device: found } of tree.devices) if (found.size > 0) await found.read(0, Math.min(512, found.size));
}

async function exerciseFs(driver: FsDriver, device: BlockDevice, write: boolean): Promise<void> {
  await driver.probe(device);
  const fs = await driver.open(device, { readonly: !write });
  try {
    const failures: unknown[] = [];
    await walk(fs, fs.root, 0, { left: MAX_ENTRIES }, failures);
    await fs.statfs().catch((error: unknown) => failures.push(error));
    if (write) await change(fs).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  } finally {
    await fs.close();
  }
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
