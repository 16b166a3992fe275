/**
 * Example of a third-party backend: raw images that were cut into pieces, `disk.000`, `disk.001` …
 *
 * @packageDocumentation
 */
import {
  type Availability,
  type BackendContext,
  type BlockBackend,
  type BlockSession,
  CapabilityError,
  ConcatDevice,
  type DriveSpec,
  definePlugin,
  FileDevice,
  UsageError,
} from '@vmcraft/core';

const FIRST = /\.000$/;

/** Paths of the pieces that there are, in order. */
async function pieces(path: string, { files }: BackendContext): Promise<string[]> {
  const found: string[] = [];
  for (let i = 0; i < 1000; i++) {
    const piece = path.replace(FIRST, `.${String(i).padStart(3, '0')}`);
    if ((await files.stat(piece))?.kind !== 'file') break;
    found.push(piece);
  }
  return found;
}

/** Opens the pieces as one disk. */
export class SplitBackend implements BlockBackend {
  readonly name = 'split';

  async available(): Promise<Availability> {
    return { available: true };
  }

  async probe(drive: DriveSpec, context: BackendContext): Promise<string | undefined> {
    if (drive.path === undefined || !FIRST.test(drive.path)) return undefined;
    return (await pieces(drive.path, context)).length > 0 ? 'split' : undefined;
  }

  async open(drive: DriveSpec, context: BackendContext): Promise<BlockSession> {
    if (drive.path === undefined) throw new UsageError('a split image is a file', { argument: 'path' });
    if (drive.snapshot !== undefined) throw new CapabilityError({ capability: 'snapshots', subject: drive.path });
    const parts: FileDevice[] = [];
    try {
      for (const piece of await pieces(drive.path, context)) {
        parts.push(new FileDevice(await context.files.open(piece, { writable: !drive.readonly })));
      }
      if (parts.length === 0) throw new UsageError(`${drive.path}: there are no pieces`, { argument: 'path' });
    } catch (error) {
      for (const part of parts) await part.close();
      throw error;
    }
    const device = new ConcatDevice(parts, { name: drive.path });
    const close = async (): Promise<void> => {
      for (const part of parts) await part.close();
    };
    const info = { format: 'split', virtualSize: device.size, details: { pieces: parts.length } };
    return { device, info, close, [Symbol.asyncDispose]: close };
  }
}

/** What VMCraft loads. */
export const plugin = definePlugin({
  name: 'vmcraft-plugin-split',
  apiVersion: 1,
  providers: [
    {
      kind: 'backend',
      name: 'split',
      summary: 'raw images in pieces: disk.000, disk.001 …',
      rank: 110,
      capabilities: { supports: { split: ['read', 'write'] } },
      load: async () => new SplitBackend(),
    },
  ],
});
