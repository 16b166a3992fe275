import { viewOf } from '@vmcraft/core/binary';
import { MemoryDevice } from '@vmcraft/core/block';
import { isVmcraftError } from '@vmcraft/core/errors';
import { requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { applyFixups, undoFixups } from '../src/fixup.js';
import { ntfsDriver } from '../src/index.js';
import { AttributeType } from '../src/layout.js';
import { Volume } from '../src/volume.js';
import { at, DIR, FILE, list, mkntfs, openWritable, pattern } from './support.js';

const MIB = 1024 * 1024;
const LIMITS = { maxDirEntries: 100_000, maxExtents: 1000 };

/** Bytes of a record on the device, changed by `change` between its fixups. */
async function damage(
  device: MemoryDevice,
  position: number,
  size: number,
  change: (view: DataView) => void,
): Promise<void> {
  const data = (await device.read(position, size)).slice();
  undoFixups(data, 'record', position);
  change(viewOf(data));
  applyFixups(data);
  await device.write(position, data);
}

describe.runIf(requireTools('mkntfs'))('damage that is named', () => {
  let clean: Uint8Array;
  beforeAll(async () => {
    const device = mkntfs(8 * MIB, ['-c', '4096']);
    const fs = await openWritable(device);
    const dir = await fs.create(fs.root, 'dir', { mode: DIR });
    await fs.create(dir, 'inner', { mode: DIR });
    for (let i = 0; i < 400; i++) await fs.create(dir, `a file with a name ${i}`, { mode: FILE });
    await fs.write(await fs.create(fs.root, 'data', { mode: FILE }), 0, pattern(50_000));
    await fs.close();
    clean = (await device.read(0, device.size)).slice();
  });

  const fresh = async () => {
    const device = MemoryDevice.from(clean.slice(), { writable: true });
    const volume = await Volume.open(device, { readonly: true, limits: LIMITS });
    const fs = await ntfsDriver.open(device, { readonly: true });
    const positionOf = async (path: string): Promise<number> => {
      const { ino } = await at(fs, path);
      return (await volume.mft.readRecord(ino)).position;
    };
    return { device, volume, fs, positionOf };
  };

  /** Offset of an attribute's header in a record. */
  const attributeAt = (view: DataView, type: number): number => {
    let offset = view.getUint16(20, true);
    while (view.getUint32(offset, true) !== type) offset += view.getUint32(offset + 4, true);
    return offset;
  };

  it('a sector that was not written with the rest of its record', async () => {
    const { device, positionOf } = await fresh();
    const position = await positionOf('data');
    await device.write(position + 510, Uint8Array.of(0x77, 0x88));
    const fs = await ntfsDriver.open(device, { readonly: true });
    await expect(fs.stat(await at(fs, 'data'))).rejects.toMatchObject({
      code: 'VMC_CORRUPT',
      message: expect.stringMatching(/update sequence number of sector 0/),
    });
  });

  it('clusters outside of the volume', async () => {
    const { device, positionOf } = await fresh();
    await damage(device, await positionOf('data'), 1024, (view) => {
      const header = attributeAt(view, AttributeType.data);
      const pairs = header + view.getUint16(header + 32, true);
      view.setUint8(pairs, 0x31);
      view.setUint8(pairs + 1, 13);
      view.setUint32(pairs + 2, 0x7fffff, true);
    });
    const fs = await ntfsDriver.open(device, { readonly: true });
    await expect(fs.read(await at(fs, 'data'), 0, 10)).rejects.toThrow(/a run lies outside the volume/);
  });

  it('a value longer than its clusters', async () => {
    const { device, positionOf } = await fresh();
    await damage(device, await positionOf('data'), 1024, (view) => {
      const header = attributeAt(view, AttributeType.data);
      view.setBigUint64(header + 48, 900_000n, true);
      view.setBigUint64(header + 56, 900_000n, true);
    });
    const fs = await ntfsDriver.open(device, { readonly: true });
    await expect(fs.read(await at(fs, 'data'), 0, 1_000_000)).rejects.toThrow(/no cluster for byte 53248/);
  });

  it('an index that leads back to itself', async () => {
    const { device, volume, fs } = await fresh();
    const inode = await volume.mft.load((await at(fs, 'dir')).ino);
    const tree = volume.index(inode, '$I30');
    const leaf = tree.root.lastChild;
    const { position, length } = tree.pieces(leaf)[0]!;
    await damage(device, position, length, (view) => {
      // The only entry left is the end mark, and its child is the node itself.
      const first = 24 + view.getUint32(24, true);
      view.setUint16(first + 8, 24, true);
      view.setUint16(first + 12, 3, true);
      view.setBigUint64(first + 16, BigInt(leaf), true);
      view.setUint32(28, first - 24 + 24, true);
    });
    const again = await ntfsDriver.open(device, { readonly: true });
    const dir = await at(again, 'dir');
    await expect(list(again, dir)).rejects.toThrow(/leads back to itself/);
    await expect(again.lookup(dir, '\uffff')).rejects.toThrow(/leads back to itself/);
  });

  it('a name of a file that is gone', async () => {
    const { device, positionOf } = await fresh();
    await damage(device, await positionOf('data'), 1024, (view) => view.setUint16(22, 0, true));
    const fs = await ntfsDriver.open(device, { readonly: true });
    await expect(fs.stat((await fs.lookup(fs.root, 'data'))!)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('a record that was used for another file since', async () => {
    const { device, positionOf } = await fresh();
    await damage(device, await positionOf('data'), 1024, (view) => view.setUint16(16, 99, true));
    const fs = await ntfsDriver.open(device, { readonly: true });
    await expect(fs.stat((await fs.lookup(fs.root, 'data'))!)).rejects.toThrow(/used for another file/);
  });

  it('limits of the caller', async () => {
    const { device } = await fresh();
    const fs = await ntfsDriver.open(device, { readonly: true, limits: { maxDirEntries: 100 } });
    await expect(list(fs, await at(fs, 'dir'))).rejects.toMatchObject({ code: 'VMC_LIMIT' });
  });

  it('a volume that is cut off anywhere', async () => {
    for (const length of [512, 4096, 16_384, 17_000, 100_000, 1 << 20, 4 * MIB, clean.length - 512]) {
      const device = MemoryDevice.from(clean.slice(0, length));
      const error = await ntfsDriver
        .open(device, { readonly: true })
        .then((fs) => at(fs, 'dir').then((dir) => list(fs, dir)))
        .catch((e: unknown) => e);
      expect(Array.isArray(error) || isVmcraftError(error), `${length}: ${String(error)}`).toBe(true);
    }
  });
});
