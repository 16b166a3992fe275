import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../binary/index.js';
import { FileDevice } from '../block/index.js';
import type { BlockSession, HostFiles, HostPlatform } from '../contracts/index.js';

/** Bytes of randomness in the name of a temporary file. */
const NAME_BYTES = 12;

/** A drive of zero bytes in a temporary file that has no name any more, so nothing is left even after a crash. */
export async function openScratchDrive(
  files: HostFiles,
  platform: HostPlatform,
  size: number,
  sectorSize: 512 | 4096 = 512,
): Promise<BlockSession> {
  const name = `vmcraft-scratch-${toHex(platform.randomBytes(NAME_BYTES))}`;
  const path = join(platform.process.temporaryFolder, name);
  const file = await files.open(path, { writable: true, create: 'exclusive' });
  await unlink(path);
  await file.truncate(size);
  const device = new FileDevice(file, { sectorSize });
  return {
    device,
    info: { format: 'raw', virtualSize: size, details: {} },
    close: () => device.close(),
    [Symbol.asyncDispose]: () => device.close(),
  };
}
