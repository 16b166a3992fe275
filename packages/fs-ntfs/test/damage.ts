import { viewOf } from '@vmcraft/core/binary';
import type { MemoryDevice } from '@vmcraft/core/block';
import type { Attribute } from '../src/attribute.js';
import { piecesOf } from '../src/attribute-reader.js';
import { applyFixups, undoFixups } from '../src/fixup.js';
import type { IndexTree } from '../src/index-tree.js';
import type { Inode } from '../src/inode.js';
import { Volume } from '../src/volume.js';

const LIMITS = { maxDirEntries: 100_000, maxExtents: 10_000 };

/** Changes structures of a volume on its device, so that nothing but the damage is wrong with them. */
export class Damage {
  private constructor(
    readonly device: MemoryDevice,
    readonly volume: Volume,
  ) {}

  static async on(device: MemoryDevice): Promise<Damage> {
    return new Damage(device, await Volume.open(device, { readonly: true, limits: LIMITS }));
  }

  /** Change bytes that are protected by fixups. */
  async protectedBytes(position: number, size: number, change: (view: DataView) => void): Promise<void> {
    const data = (await this.device.read(position, size)).slice();
    undoFixups(data, 'record', position);
    change(viewOf(data));
    applyFixups(data);
    await this.device.write(position, data);
  }

  /** Change a FILE record. */
  async record(number: number, change: (view: DataView) => void): Promise<void> {
    const { position } = this.volume.mft.pieces(number)[0]!;
    await this.protectedBytes(position, this.volume.geometry.recordSize, change);
  }

  /** Change a block of an index. */
  async block(tree: IndexTree, vcn: number, change: (view: DataView) => void): Promise<void> {
    await this.protectedBytes(tree.pieces(vcn)[0]!.position, tree.blockSize, change);
  }

  /** Change one byte of a non-resident value. */
  async byte(attribute: Attribute, offset: number, change: (byte: number) => number): Promise<void> {
    const { position } = piecesOf(this.volume, attribute.nonResident!, offset, 1)[0]!;
    const [old] = await this.device.read(position, 1);
    await this.device.write(position, Uint8Array.of(change(old!)));
  }

  load(number: number): Promise<Inode> {
    return this.volume.mft.load(number);
  }
}

/** Offset of an attribute's header in a record. */
export function attributeAt(view: DataView, type: number): number {
  let offset = view.getUint16(20, true);
  while (view.getUint32(offset, true) !== type) offset += view.getUint32(offset + 4, true);
  return offset;
}

/** Offset of a resident attribute's value in a record. */
export function valueAt(view: DataView, type: number): number {
  const at = attributeAt(view, type);
  return at + view.getUint16(at + 20, true);
}
