import { imageBackend } from '@vmcraft/backend-image';
import { type BlockDevice, hasSparseMap } from '@vmcraft/core';
import { readPartitionTable } from '@vmcraft/core/partition';
import { StorageTree } from '@vmcraft/core/storage';
import { extDriver } from '@vmcraft/fs-ext';
import { fatDriver } from '@vmcraft/fs-fat';
import { exerciseFs } from './exercise-filesystem.js';
import type { PatchedBytes } from './mutate.js';
import { mutateSample } from './mutation-loop.js';
import { PATCHED_PATH, PatchedDevice, PatchedFiles } from './patched.js';

await mutateSample(async (kind, data, format, write) => {
  if (kind === 'image') return exerciseImage(data, format, write);
  if (kind === 'partition') return exerciseTable(data);
  return exerciseFs(kind === 'ext' ? extDriver() : fatDriver, new PatchedDevice(data), write);
});

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
