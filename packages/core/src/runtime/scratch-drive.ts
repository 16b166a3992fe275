import { FileDevice } from '../block/index.js';
import type { BlockSession } from '../contracts/index.js';
import type { NodeHostFiles } from './node-host-files.js';

/** A drive of zero bytes in a private temporary file that is gone when the process ends, however it ends. */
export async function openScratchDrive(
  host: NodeHostFiles,
  size: number,
  sectorSize: 512 | 4096 = 512,
): Promise<BlockSession> {
  const file = await host.scratch();
  await file.truncate(size);
  const device = new FileDevice(file, { sectorSize });
  return {
    device,
    info: { format: 'raw', virtualSize: size, details: {} },
    close: () => device.close(),
    [Symbol.asyncDispose]: () => device.close(),
  };
}
