import { decodeFileName, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import type { FsNode } from '@vmcraft/core/contracts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import {
  DATA_SIZE_MASK,
  DeviceInode,
  DirectoryInode,
  DOTS_SIZE,
  EXTENDED,
  ExtendedDirectoryInode,
  ExtendedFileInode,
  FileInode,
  InodeHeader,
  InodeType,
  IpcInode,
  NONE,
  SymlinkInode,
} from './layout.js';
import type { Position, Volume } from './volume.js';

const MODES: readonly number[] = [0, S_IFDIR, S_IFREG, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK];
/** Longest symbolic link, as Linux has it. */
const LINK_MAX = 65_535;

/** What all inodes have. */
interface Common extends FsNode {
  readonly ino: number;
  /** Type and permissions. */
  readonly mode: number;
  readonly uidIndex: number;
  readonly gidIndex: number;
  readonly mtime: number;
  readonly links: number;
  /** Bytes. */
  readonly size: number;
  /** Index into the extended attributes, if it has any. */
  readonly xattr?: number;
}

/** A directory: where its listing is. */
export interface DirectoryNode extends Common {
  readonly kind: 'directory';
  readonly listing: Position;
  /** Directory index entries, and where they begin. */
  readonly indexCount: number;
  readonly index: Position;
}

/** A file: where its blocks are. */
export interface FileNode extends Common {
  readonly kind: 'file';
  readonly start: number;
  readonly sparse: number;
  readonly fragment: number;
  readonly fragmentOffset: number;
  /** Data blocks before the fragment, and where the table of their sizes begins. */
  readonly blocks: number;
  readonly sizes: Position;
}

/** A symbolic link, device, FIFO or socket. */
export interface OtherNode extends Common {
  readonly kind: 'symlink' | 'device' | 'ipc';
  readonly target?: string;
  readonly rdev?: { readonly major: number; readonly minor: number };
}

export type SquashNode = DirectoryNode | FileNode | OtherNode;

/** Read the inode at `position` of the inode table. @throws CorruptImageError */
export async function readInode(volume: Volume, position: Position): Promise<SquashNode> {
  const { data, next } = await volume.metadata(position, InodeHeader.size);
  const header = InodeHeader.decode(data);
  const isExtended = header.type > EXTENDED;
  const type = isExtended ? header.type - EXTENDED : header.type;
  const mode = MODES[type];
  if (mode === undefined || type === 0) {
    const found = { field: 'type', found: header.type, expected: '1 to 14' };
    throw new CorruptImageError({ structure: InodeHeader.name, offset: position.block, ...found });
  }
  const common = {
    ino: header.number,
    mode: mode | (header.permissions & 0o7777),
    uidIndex: header.uidIndex,
    gidIndex: header.gidIndex,
    mtime: header.modificationTime,
  };
  if (type === InodeType.directory) return readDirectory(volume, next, isExtended, common);
  if (type === InodeType.file) return readFile(volume, next, isExtended, common);
  if (type === InodeType.symlink) return readSymlink(volume, next, isExtended, common);
  return readSpecial(volume, next, isExtended, type, common);
}

type Head = Pick<Common, 'ino' | 'mode' | 'uidIndex' | 'gidIndex' | 'mtime'>;

async function readDirectory(volume: Volume, at: Position, isExtended: boolean, head: Head): Promise<DirectoryNode> {
  const layout = isExtended ? ExtendedDirectoryInode : DirectoryInode;
  const { data, next } = await volume.metadata(at, layout.size);
  const { block, offset, links, size } = isExtended ? ExtendedDirectoryInode.decode(data) : DirectoryInode.decode(data);
  const extra = isExtended ? ExtendedDirectoryInode.decode(data) : { indexCount: 0, xattr: NONE };
  const table = toSafeInteger(volume.superblock.directoryTable, 'directoryTable');
  return {
    ...head,
    kind: 'directory',
    links,
    size: Math.max(size, DOTS_SIZE),
    listing: { block: table + block, offset },
    indexCount: extra.indexCount,
    index: next,
    ...xattrOf(extra.xattr),
  };
}

async function readFile(volume: Volume, at: Position, isExtended: boolean, head: Head): Promise<FileNode> {
  const layout = isExtended ? ExtendedFileInode : FileInode;
  const { data, next } = await volume.metadata(at, layout.size);
  const raw = isExtended
    ? ExtendedFileInode.decode(data)
    : { ...FileInode.decode(data), sparse: 0n, links: 1, xattr: NONE };
  const size = toSafeInteger(BigInt(raw.size), 'file size');
  const hasFragment = raw.fragment !== NONE;
  const blocks = hasFragment ? Math.floor(size / volume.blockSize) : Math.ceil(size / volume.blockSize);
  return {
    ...head,
    kind: 'file',
    links: raw.links,
    size,
    start: toSafeInteger(BigInt(raw.start), 'start'),
    sparse: toSafeInteger(raw.sparse, 'sparse'),
    fragment: raw.fragment,
    fragmentOffset: raw.fragmentOffset,
    blocks,
    sizes: next,
    ...xattrOf(raw.xattr),
  };
}

async function readSymlink(volume: Volume, at: Position, isExtended: boolean, head: Head): Promise<OtherNode> {
  const { data, next } = await volume.metadata(at, SymlinkInode.size);
  const { links, targetSize } = SymlinkInode.decode(data);
  if (targetSize > LINK_MAX) {
    const found = { field: 'targetSize', found: targetSize, expected: `at most ${LINK_MAX}` };
    throw new CorruptImageError({ structure: SymlinkInode.name, offset: at.block, ...found });
  }
  const target = await volume.metadata(next, targetSize);
  const xattr = isExtended ? viewOf((await volume.metadata(target.next, 4)).data).getUint32(0, true) : NONE;
  return { ...head, kind: 'symlink', links, size: targetSize, target: decodeFileName(target.data), ...xattrOf(xattr) };
}

async function readSpecial(
  volume: Volume,
  at: Position,
  isExtended: boolean,
  type: number,
  head: Head,
): Promise<OtherNode> {
  const isDevice = type === InodeType.blockDevice || type === InodeType.charDevice;
  const { data, next } = await volume.metadata(at, isDevice ? DeviceInode.size : IpcInode.size);
  const xattr = isExtended ? viewOf((await volume.metadata(next, 4)).data).getUint32(0, true) : NONE;
  if (!isDevice) return { ...head, kind: 'ipc', links: IpcInode.decode(data).links, size: 0, ...xattrOf(xattr) };
  const { links, device } = DeviceInode.decode(data);
  // As Linux' new_encode_dev() writes it.
  const rdev = { major: (device >>> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
  return { ...head, kind: 'device', links, size: 0, rdev, ...xattrOf(xattr) };
}

const xattrOf = (index: number): { xattr?: number } => (index === NONE ? {} : { xattr: index });

/** Bytes that a file takes on the device, packed; its fragment is counted as it is. */
export async function packedSize(volume: Volume, file: FileNode): Promise<number> {
  let total = file.fragment === NONE ? 0 : file.size % volume.blockSize;
  for await (const size of blockSizes(volume, file)) total += size & DATA_SIZE_MASK;
  return total;
}

/** Sizes of a file's data blocks, in order. */
export async function* blockSizes(volume: Volume, file: FileNode): AsyncGenerator<number> {
  let at = file.sizes;
  for (let done = 0; done < file.blocks; ) {
    const count = Math.min(1024, file.blocks - done);
    const { data, next } = await volume.metadata(at, count * 4);
    const view = viewOf(data);
    for (let i = 0; i < count; i++) yield view.getUint32(i * 4, true);
    done += count;
    at = next;
  }
}
