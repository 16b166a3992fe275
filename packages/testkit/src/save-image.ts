import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { MemoryDevice } from '@vmcraft/core';

/** Write a device to a host file, leaving holes where it has none, so that a program can judge it. Gives the path back. */
export async function saveImage(device: MemoryDevice, path: string): Promise<string> {
  const fd = openSync(path, 'w');
  try {
    ftruncateSync(fd, device.size);
    for await (const run of device.extents(0, device.size)) {
      if (run.kind === 'data') writeSync(fd, await device.read(run.offset, run.length), 0, run.length, run.offset);
    }
  } finally {
    closeSync(fd);
  }
  return path;
}
