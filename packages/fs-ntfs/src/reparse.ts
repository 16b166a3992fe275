import { decodeUtf8, encodeUtf8, encodeUtf16, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import {
  CLOUD_TAG_MASK,
  MAX_REPARSE_SIZE,
  mountPointBuffer,
  ReparseTag,
  reparseHeader,
  SYMLINK_FLAG_RELATIVE,
  symlinkBuffer,
} from './layout-reparse.js';
import { decodeName } from './mft-record.js';

/** Version of the data of a WSL link, followed by its target in UTF-8; as Windows writes it. */
const LX_SYMLINK_VERSION = 2;
/** Prefix of names in the object manager's space. */
const NT_PREFIX = '\\??\\';

/** Tags that stand for a symbolic link. */
export const linkTags: ReadonlySet<number> = new Set([ReparseTag.symlink, ReparseTag.mountPoint, ReparseTag.lxSymlink]);

/** A reparse point: its tag, and the data behind the header. */
export interface ReparsePoint {
  readonly tag: number;
  readonly data: Uint8Array;
}

function corrupt(reason: string, found?: unknown): CorruptImageError {
  return new CorruptImageError({ structure: 'REPARSE_DATA_BUFFER', reason, found, citation: '[MS-FSCC] 2.1.2' });
}

/** Decode the value of $REPARSE_POINT. @throws CorruptImageError */
export function decodeReparse(value: Uint8Array): ReparsePoint {
  const { tag, dataLength } = reparseHeader.decode(value);
  // Tags of others than Microsoft have a GUID behind the header, which is left in the data.
  if (value.length > MAX_REPARSE_SIZE) throw corrupt(`${value.length} bytes`);
  if (reparseHeader.size + dataLength > value.length) throw corrupt('its data breaks off', dataLength);
  return { tag, data: value.subarray(reparseHeader.size) };
}

/** Encode a reparse point of Microsoft's. */
export function encodeReparse(point: ReparsePoint): Uint8Array {
  const out = new Uint8Array(reparseHeader.size + point.data.length);
  reparseHeader.encodeInto({ tag: point.tag, dataLength: point.data.length }, out);
  out.set(point.data, reparseHeader.size);
  return out;
}

/** The target of a link as a POSIX path: `\` becomes `/`, and a drive letter or volume is left out. */
export function linkTarget(point: ReparsePoint): string | undefined {
  switch (point.tag) {
    case ReparseTag.lxSymlink:
      if (point.data.length < 4) throw corrupt('a WSL link breaks off', point.data.length);
      return decodeUtf8(point.data.subarray(4));
    case ReparseTag.symlink:
      return posixTarget(substituteName(point.data, symlinkBuffer.size));
    case ReparseTag.mountPoint:
      return posixTarget(substituteName(point.data, mountPointBuffer.size));
    default:
      return undefined;
  }
}

function substituteName(data: Uint8Array, pathsAt: number): string {
  if (data.length < pathsAt) throw corrupt('a link breaks off', data.length);
  const view = viewOf(data);
  const from = pathsAt + view.getUint16(0, true);
  const length = view.getUint16(2, true);
  if (from + length > data.length) throw corrupt('a name goes past the data', from + length);
  return decodeName(data.subarray(from, from + length));
}

function posixTarget(name: string): string {
  const rest = name.startsWith(NT_PREFIX) ? name.slice(NT_PREFIX.length) : name;
  const withoutDrive = rest.replace(/^[A-Za-z]:(?=\\|$)/, '').replace(/^Volume\{[0-9a-fA-F-]+\}(?=\\|$)/, '');
  const path = withoutDrive.replaceAll('\\', '/').replaceAll('\0', '\ufffd');
  return path === '' ? '/' : path;
}

/** Characters that a name of Windows cannot have, or that would change their meaning there. */
const NOT_WINDOWS = /[\\:*?"<>|\x00-\x1f]/;

/**
 * The reparse point of a new symbolic link: Windows' own kind, relative to the directory or (for `/x`) to the volume; a target that
 * Windows could not express, or that would not come back the same, becomes a link of WSL.
 */
export function encodeLink(target: string, kind: 'windows' | 'wsl'): ReparsePoint {
  if (kind === 'wsl' || NOT_WINDOWS.test(target) || target === '') return lxLink(target);
  const name = encodeUtf16(target.replaceAll('/', '\\'));
  const data = new Uint8Array(symlinkBuffer.size + name.length * 2);
  symlinkBuffer.encodeInto(
    {
      substituteNameOffset: name.length,
      substituteNameLength: name.length,
      printNameOffset: 0,
      printNameLength: name.length,
      flags: SYMLINK_FLAG_RELATIVE,
    },
    data,
  );
  data.set(name, symlinkBuffer.size);
  data.set(name, symlinkBuffer.size + name.length);
  return { tag: ReparseTag.symlink, data };
}

function lxLink(target: string): ReparsePoint {
  const text = encodeUtf8(target);
  const data = new Uint8Array(4 + text.length);
  viewOf(data).setUint32(0, LX_SYMLINK_VERSION, true);
  data.set(text, 4);
  return { tag: ReparseTag.lxSymlink, data };
}

/** Why the data of a file with this reparse tag is not here. Undefined for tags that do not matter to the data. */
export function unsupportedTag(tag: number): UnsupportedFeatureError | undefined {
  const feature = featureOf(tag);
  if (feature === undefined) return undefined;
  return new UnsupportedFeatureError({
    feature,
    structure: `reparse tag 0x${tag.toString(16)}`,
    workaround: 'have the guest bring the file back to this volume',
  });
}

function featureOf(tag: number): string | undefined {
  if (tag === ReparseTag.dedup) return 'a deduplicated file, whose data is in the chunk store';
  if ((tag & CLOUD_TAG_MASK) >>> 0 === ReparseTag.cloud) return 'a cloud file that may not be on this volume';
  if (tag === ReparseTag.hsm || tag === ReparseTag.hsm2) return 'a file moved to remote storage';
  if (tag === ReparseTag.sis) return 'a single-instance file, whose data is in the common store';
  return undefined;
}
