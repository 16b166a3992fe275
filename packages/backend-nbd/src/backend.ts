import type {
  Availability,
  BackendContext,
  BlockBackend,
  BlockDevice,
  BlockSession,
  DriveSpec,
  ImageInfo,
} from '@vmcraft/core';
import { CapabilityError, HostError, NoProviderError, UsageError } from '@vmcraft/core';
import { NbdClient } from './client.js';
import { NbdDevice } from './device.js';
import { findProgram, inspectChain, type QemuImageInfo } from './qemu-img.js';
import { startQemuNbd } from './qemu-nbd.js';
import { NBD_SCHEMES, parseNbdUri } from './uri.js';

const REMEDY = 'install qemu-utils (Debian, Ubuntu), qemu-img (Fedora) or qemu (macOS, Homebrew)';

const schemeOf = (uri: string): string => uri.slice(0, uri.indexOf(':'));

/** Opens what qemu opens, through a qemu-nbd process of its own, and NBD exports of others. */
export class NbdBackend implements BlockBackend {
  readonly name = 'nbd';

  /** NBD URIs need nothing of the host; host files need qemu-nbd and qemu-img. */
  async available(): Promise<Availability> {
    const [nbd, img] = await Promise.all([findProgram('qemu-nbd'), findProgram('qemu-img')]);
    if (nbd !== undefined && img !== undefined) return { available: true, detail: nbd };
    return {
      available: false,
      reason: `${nbd === undefined ? 'qemu-nbd' : 'qemu-img'} is not installed`,
      remedy: REMEDY,
    };
  }

  async probe(drive: DriveSpec, context: BackendContext): Promise<string | undefined> {
    if (drive.uri !== undefined)
      return (NBD_SCHEMES as readonly string[]).includes(schemeOf(drive.uri)) ? 'raw' : undefined;
    if (drive.path === undefined || (await context.files.stat(drive.path)) === undefined) return undefined;
    const program = await findProgram('qemu-img');
    if (program === undefined) return undefined;
    return inspectChain(program, drive.path, drive.format, context).then(
      (chain) => chain[0]?.format,
      () => undefined,
    );
  }

  async open(drive: DriveSpec, context: BackendContext): Promise<BlockSession> {
    if (drive.uri !== undefined) return openUri(drive, drive.uri);
    if (drive.path === undefined) throw new UsageError('a drive needs a path or a URI', { argument: 'path' });
    return openFile(drive, drive.path, context);
  }
}

function deviceOptions(drive: DriveSpec): { readonly: boolean; sectorSize: 512 | 4096; discard: boolean } {
  return {
    readonly: drive.readonly || drive.snapshot !== undefined,
    sectorSize: drive.blockSize ?? 512,
    discard: drive.discard !== 'disable',
  };
}

async function openUri(drive: DriveSpec, uri: string): Promise<BlockSession> {
  const client = await NbdClient.connect(parseNbdUri(uri));
  if (!drive.readonly && client.info.readOnly) {
    await client.close();
    throw CapabilityError.readOnly(uri, 'the server exports it read-only');
  }
  const info: ImageInfo = {
    format: drive.format ?? 'raw',
    virtualSize: client.info.size,
    details: { transport: 'nbd' },
  };
  return new NbdSession(new NbdDevice(client, deviceOptions(drive)), info, undefined, () => client.close());
}

async function openFile(drive: DriveSpec, path: string, context: BackendContext): Promise<BlockSession> {
  const [nbd, img] = await Promise.all([findProgram('qemu-nbd'), findProgram('qemu-img')]);
  if (nbd === undefined || img === undefined) {
    throw new NoProviderError({
      wanted: `open ${path} through qemu`,
      candidates: [{ name: 'nbd', reason: 'qemu-nbd is not installed' }],
      hint: REMEDY,
    });
  }
  // Through the session's files first: a missing file, a held lock and a refused path get their own errors.
  const file = await context.files.open(path, {
    writable: !drive.readonly,
    ...(drive.force === true ? { ignoreLocks: true } : {}),
  });
  const hostPath = file.path;
  await file.close();
  const [info] = await inspectChain(img, hostPath, drive.format, context);
  if (info === undefined) throw new HostError({ path, operation: 'open', reason: 'qemu-img said nothing' });
  if (info.format === 'raw' && drive.format === undefined && !drive.readonly) {
    throw new CapabilityError({
      capability: 'write',
      subject: path,
      readOnly: true,
      reason: "its format was guessed; say format 'raw' to write it",
    });
  }
  const { snapshot } = drive;
  const server = await startQemuNbd(nbd, {
    path: hostPath,
    format: info.format,
    readonly: deviceOptions(drive).readonly,
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  const device = new NbdDevice(server.client, deviceOptions(drive));
  return new NbdSession(device, describe(info, device.size), drive.readonly ? undefined : hostPath, () =>
    server.close(),
  );
}

function describe(info: QemuImageInfo, virtualSize: number): ImageInfo {
  const details: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(info['format-specific']?.data ?? {})) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') details[key] = value;
  }
  const backingFile = info['full-backing-filename'] ?? info['backing-filename'];
  return { format: info.format, virtualSize, details, ...(backingFile === undefined ? {} : { backingFile }) };
}

class NbdSession implements BlockSession {
  #closing: Promise<void> | undefined;

  constructor(
    readonly device: BlockDevice,
    readonly info: ImageInfo,
    readonly writesPast: string | undefined,
    private readonly end: () => Promise<void>,
  ) {}

  close(): Promise<void> {
    this.#closing ??= this.end();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
