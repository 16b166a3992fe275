import type {
  Availability,
  BackendContext,
  BlockBackend,
  BlockDevice,
  BlockSession,
  DriveSpec,
  HostFile,
  ImageInfo,
} from '@vmcraft/core';
import { CapabilityError, FileDevice, UsageError } from '@vmcraft/core';

/** Reference {@link BlockBackend}: plain files, nothing more. */
export class ReferenceBackend implements BlockBackend {
  readonly name = 'reference';

  async available(): Promise<Availability> {
    return { available: true };
  }

  async probe(drive: DriveSpec, context: BackendContext): Promise<string | undefined> {
    if (drive.path === undefined) return undefined;
    return (await context.files.stat(drive.path))?.kind === 'file' ? 'raw' : undefined;
  }

  async open(drive: DriveSpec, context: BackendContext): Promise<BlockSession> {
    if (drive.path === undefined) throw new UsageError('this backend opens host files only', { argument: 'path' });
    if (drive.format !== undefined && drive.format !== 'raw') {
      throw new CapabilityError({ capability: `format ${drive.format}`, subject: 'the reference backend' });
    }
    const file = await context.files.open(drive.path, { writable: !drive.readonly });
    return new ReferenceSession(file);
  }
}

class ReferenceSession implements BlockSession {
  readonly device: BlockDevice;
  readonly info: ImageInfo;

  constructor(file: HostFile) {
    this.device = new FileDevice(file);
    this.info = { format: 'raw', virtualSize: file.size, details: {} };
  }

  async close(): Promise<void> {
    await this.device.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
