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
import { remoteImage, remoteInfo } from './remote-image.js';
import { REMOTE_SCHEMES } from './remote-uri.js';
import { NBD_SCHEMES, parseNbdUri } from './uri.js';

const REMEDY = 'install qemu-utils (Debian, Ubuntu), qemu-img (Fedora) or qemu (macOS, Homebrew)';

const schemeOf = (uri: string): string => uri.slice(0, uri.indexOf(':'));
const isNbd = (uri: string): boolean => (NBD_SCHEMES as readonly string[]).includes(schemeOf(uri));
const isRemote = (uri: string): boolean => (REMOTE_SCHEMES as readonly string[]).includes(schemeOf(uri));

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
    if (drive.uri !== undefined) return probeUri(drive, drive.uri, context);
    if (drive.path === undefined || (await context.files.stat(drive.path)) === undefined) return undefined;
    const program = await findProgram('qemu-img');
    if (program === undefined) return undefined;
    return inspectChain(program, drive.path, drive.format, context).then(
      (chain) => chain[0]?.format,
      () => undefined,
    );
  }

  async open(drive: DriveSpec, context: BackendContext): Promise<BlockSession> {
    if (drive.uri !== undefined) {
      return isNbd(drive.uri) ? openUri(drive, drive.uri) : openRemote(drive, drive.uri, context);
    }
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

/** An NBD export is bytes; for what another server has, qemu looks at them. */
async function probeUri(drive: DriveSpec, uri: string, context: BackendContext): Promise<string | undefined> {
  if (isNbd(uri)) return 'raw';
  if (!isRemote(uri)) return undefined;
  if (drive.format !== undefined) return drive.format;
  const { img } = await programs(uri);
  return (await remoteInfo(img, remoteImage(uri, drive.secret), undefined, context.signal)).format;
}

/** @throws NoProviderError */
async function programs(subject: string): Promise<{ readonly nbd: string; readonly img: string }> {
  const [nbd, img] = await Promise.all([findProgram('qemu-nbd'), findProgram('qemu-img')]);
  if (nbd !== undefined && img !== undefined) return { nbd, img };
  throw new NoProviderError({
    wanted: `open ${subject} through qemu`,
    candidates: [{ name: 'nbd', reason: 'qemu-nbd is not installed' }],
    hint: REMEDY,
  });
}

/** An image of another host, through qemu's driver for that protocol. */
async function openRemote(drive: DriveSpec, uri: string, context: BackendContext): Promise<BlockSession> {
  const image = remoteImage(uri, drive.secret);
  if (!drive.readonly && image.node.readOnly) {
    throw CapabilityError.readOnly(uri, `${schemeOf(uri)} can only be read`);
  }
  const { nbd, img } = await programs(uri);
  const info = await remoteInfo(img, image, drive.format, context.signal);
  refuseGuessedRaw(drive, uri, info.format);
  const { snapshot } = drive;
  const server = await startQemuNbd(nbd, {
    source: image,
    format: info.format,
    readonly: deviceOptions(drive).readonly,
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  const device = new NbdDevice(server.client, deviceOptions(drive));
  return new NbdSession(device, describe(info, device.size), undefined, () => server.close());
}

/** @throws CapabilityError */
function refuseGuessedRaw(drive: DriveSpec, subject: string, format: string): void {
  if (format !== 'raw' || drive.readonly || drive.format !== undefined) return;
  throw new CapabilityError({
    capability: 'write',
    subject,
    readOnly: true,
    reason: "its format was guessed; say format 'raw' to write it",
  });
}

async function openFile(drive: DriveSpec, path: string, context: BackendContext): Promise<BlockSession> {
  const { nbd, img } = await programs(path);
  // Through the session's files first: a missing file, a held lock and a refused path get their own errors.
  const file = await context.files.open(path, {
    writable: !drive.readonly,
    ...(drive.force === true ? { ignoreLocks: true } : {}),
  });
  const hostPath = file.path;
  await file.close();
  const [info] = await inspectChain(img, hostPath, drive.format, context);
  if (info === undefined) throw new HostError({ path, operation: 'open', reason: 'qemu-img said nothing' });
  refuseGuessedRaw(drive, path, info.format);
  const { snapshot } = drive;
  const server = await startQemuNbd(nbd, {
    source: hostPath,
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
