import type { BlockDevice, FileSystem, FsDriver, FsOpenOptions, FsSignature } from '@vmcraft/core';
import { bytes, CorruptImageError, decodeUtf8, encodeUtf8, FsError, S_IFDIR, struct, u32le } from '@vmcraft/core';
import { MemoryFs } from './memory-fs.js';
import { MemoryWriter } from './memory-fs-writer.js';
import { decodeTree, encodeTree, type MemoryNode, newNode } from './memory-tree.js';

/** The reference format: this header, then the tree as JSON. */
export const MemoryFsHeader = struct('memory-fs header', 16, { magic: [0, bytes(8)], length: [8, u32le] });
const MAGIC = encodeUtf8('MEMFS001');
/** Longest tree that is believed, in bytes. */
const MAX_TREE = 64 * 1024 * 1024;

/** Reference {@link FsDriver}: a tree that is written to the device as JSON. */
export class ReferenceFsDriver implements FsDriver {
  readonly name = 'reference-fs';

  async probe(device: BlockDevice): Promise<FsSignature | undefined> {
    if (device.size < MemoryFsHeader.size) return undefined;
    const header = MemoryFsHeader.decode(await device.read(0, MemoryFsHeader.size));
    return decodeUtf8(header.magic) === decodeUtf8(MAGIC) ? { type: 'memfs', size: device.size } : undefined;
  }

  async format(device: BlockDevice): Promise<void> {
    await store(device, newNode(1, S_IFDIR | 0o755));
    await device.flush();
  }

  async open(device: BlockDevice, options: FsOpenOptions): Promise<FileSystem> {
    const header = MemoryFsHeader.decode(await device.read(0, MemoryFsHeader.size));
    if (decodeUtf8(header.magic) !== decodeUtf8(MAGIC)) {
      throw new CorruptImageError({
        structure: 'memory-fs header',
        field: 'magic',
        reason: 'not a reference file system',
      });
    }
    if (header.length > Math.min(MAX_TREE, device.size - MemoryFsHeader.size)) {
      throw new CorruptImageError({
        structure: 'memory-fs header',
        field: 'length',
        reason: `${header.length} bytes do not fit`,
      });
    }
    const root = decodeTree(await device.read(MemoryFsHeader.size, header.length));
    return options.readonly ? new MemoryFs(device, root) : new MemoryWriter(device, root, store);
  }
}

async function store(device: BlockDevice, root: MemoryNode): Promise<void> {
  const tree = encodeTree(root);
  if (tree.length + MemoryFsHeader.size > device.size) throw new FsError('ENOSPC', { operation: 'write' });
  await device.write(MemoryFsHeader.size, tree);
  await device.write(0, MemoryFsHeader.encode({ magic: MAGIC, length: tree.length }));
}
