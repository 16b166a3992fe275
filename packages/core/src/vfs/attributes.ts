import {
  type FileSystem,
  type FsNode,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  type SetAttributes,
  supports,
  type WritableFs,
} from '../contracts/index.js';
import { FsError } from '../errors/index.js';
import type { Location } from './location.js';
import { ACL_ACCESS, aclWithMode, decodeAcl, encodeAcl } from './posix-acl.js';

/** chattr(1) `i`: nothing changes; `a`: only additions. Linux `uapi/linux/fs.h`. */
const FS_IMMUTABLE_FL = 0x10;
const FS_APPEND_FL = 0x20;

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o010;

/** File capabilities; a change of contents or owner drops them, for root too (capabilities(7)). */
const CAPABILITY = 'security.capability';

/**
 * Refuse what the flags of an object forbid even to root.
 * @param kind `add` is what an append-only object allows: more data, or a new name in a directory
 * @throws FsError EPERM
 */
export async function guardFlags(
  location: Location,
  operation: string,
  path: string,
  kind: 'add' | 'change',
): Promise<void> {
  const { fs } = location.mount;
  if (!supports(fs, 'flags')) return;
  const flags = await fs.getFlags(location.node);
  if ((flags & FS_IMMUTABLE_FL) !== 0) throw new FsError('EPERM', { operation, path, reason: 'immutable' });
  if (kind === 'change' && (flags & FS_APPEND_FL) !== 0) {
    throw new FsError('EPERM', { operation, path, reason: 'append-only' });
  }
}

/** Drop file capabilities, as a write does. */
export async function dropCapabilities(fs: FileSystem & WritableFs, node: FsNode): Promise<void> {
  if (!supports(fs, 'xattr')) return;
  if ((await fs.getXattr(node, CAPABILITY)) !== undefined) await fs.removeXattr(node, CAPABILITY);
}

/** setattr with what the kernel does besides: chown drops setuid, setgid and capabilities; chmod keeps the access list in step. */
export async function applyAttributes(
  fs: FileSystem & WritableFs,
  node: FsNode,
  attributes: SetAttributes,
): Promise<void> {
  let changed = attributes;
  const owner = attributes.uid !== undefined || attributes.gid !== undefined;
  if (owner) {
    const { mode } = await fs.stat(node);
    if ((mode & S_IFMT) !== S_IFDIR) {
      await dropCapabilities(fs, node);
      if ((mode & S_IFMT) === S_IFREG && attributes.mode === undefined) {
        const setgid = (mode & S_IXGRP) !== 0 ? S_ISGID : 0;
        const kept = mode & ~(S_ISUID | setgid);
        if (kept !== mode) changed = { ...attributes, mode: kept & 0o7777 };
      }
    }
  }
  await fs.setattr(node, changed);
  if (attributes.mode !== undefined) await keepAclInStep(fs, node, attributes.mode);
}

async function keepAclInStep(fs: FileSystem & WritableFs, node: FsNode, mode: number): Promise<void> {
  if (!supports(fs, 'xattr')) return;
  const value = await fs.getXattr(node, ACL_ACCESS);
  const entries = value === undefined ? undefined : decodeAcl(value);
  if (entries !== undefined) await fs.setXattr(node, ACL_ACCESS, encodeAcl(aclWithMode(entries, mode)));
}
