import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type BackendContext, CapabilityError, HostError, UnsupportedFeatureError } from '@vmcraft/core';
import { execa } from 'execa';

/** One image of a chain, as `qemu-img info --output=json` has it. */
export interface QemuImageInfo {
  readonly filename: string;
  readonly format: string;
  readonly 'virtual-size': number;
  readonly 'backing-filename'?: string;
  readonly 'full-backing-filename'?: string;
  readonly 'format-specific'?: { readonly type: string; readonly data: Readonly<Record<string, unknown>> };
}

/** What qemu-img printed, if it is of the form that its manual describes. @throws HostError */
export function parseInfo(path: string, text: string): QemuImageInfo {
  const info = JSON.parse(text) as Partial<QemuImageInfo> | null;
  const isText = (value: unknown): boolean => value === undefined || typeof value === 'string';
  const specific = info?.['format-specific'];
  const isWhole =
    typeof info?.filename === 'string' &&
    typeof info.format === 'string' &&
    typeof info['virtual-size'] === 'number' &&
    isText(info['backing-filename']) &&
    isText(info['full-backing-filename']) &&
    (specific === undefined || (typeof specific.data === 'object' && specific.data !== null));
  if (isWhole) return info as QemuImageInfo;
  throw new HostError({ path, operation: 'open', reason: 'qemu-img says nothing that is understood' });
}

/** Names in VMDK's extent list within `format-specific`; none of other formats. */
function extentNames(info: QemuImageInfo): readonly string[] {
  const list: unknown = info['format-specific']?.data.extents;
  if (!Array.isArray(list)) return [];
  const names = list.map((extent: { filename?: unknown } | null) => extent?.filename);
  return names.every((name) => typeof name === 'string') ? names : [];
}

/** Absolute path of a program of qemu, or undefined. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/** A name with a protocol before it (`nbd:`, `json:`, `https:`): qemu would follow it anywhere. */
const PROTOCOL = /^[a-z][a-z0-9+.-]*:/i;

/**
 * The image and the files that it names, checked against the path policy before anything is served.
 * @throws CapabilityError when it names a file that it must not, HostError when qemu-img cannot open it
 */
export async function inspectChain(
  program: string,
  path: string,
  format: string | undefined,
  context: BackendContext,
): Promise<readonly QemuImageInfo[]> {
  const chain: QemuImageInfo[] = [];
  let next: { path: string; format: string | undefined } | undefined = { path, format };
  const MAX_DEPTH = 64;
  while (next !== undefined) {
    if (chain.length >= MAX_DEPTH)
      throw new UnsupportedFeatureError({ feature: `backing chain of more than ${MAX_DEPTH} images`, structure: path });
    const info: QemuImageInfo = await oneInfo(program, next.path, next.format, context.signal);
    chain.push(info);
    await checkExtents(next.path, info, context);
    const reference: string | undefined = info['backing-filename'];
    next =
      reference === undefined ? undefined : { path: await allowed(next.path, reference, context), format: undefined };
  }
  return chain;
}

async function oneInfo(
  program: string,
  path: string,
  format: string | undefined,
  signal?: AbortSignal,
): Promise<QemuImageInfo> {
  const args = ['info', '--output=json', '--force-share', ...(format === undefined ? [] : ['-f', format]), path];
  const result = await execa(program, args, {
    reject: false,
    maxBuffer: 4 << 20,
    timeout: 30_000,
    env: { LC_ALL: 'C' },
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  if (result.failed) {
    const reason = result.stderr.trim().replace(/^qemu-img: /, '') || `qemu-img ended with status ${result.exitCode}`;
    throw new HostError({ path, operation: 'open', reason });
  }
  return parseInfo(path, result.stdout);
}

async function checkExtents(path: string, info: QemuImageInfo, context: BackendContext): Promise<void> {
  for (const filename of extentNames(info)) {
    if (filename !== path) await allowed(path, filename, context);
  }
}

async function allowed(path: string, reference: string, context: BackendContext): Promise<string> {
  if (PROTOCOL.test(reference) && !reference.startsWith('file:')) {
    throw new CapabilityError({
      capability: 'reference',
      subject: path,
      reason: `it names '${reference}', which is not a file in its folder`,
    });
  }
  return context.files.resolveReference(path, reference.replace(/^file:(\/\/)?/, ''));
}
