import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { crc32c, viewOf } from '@vmcraft/core/binary';
import { MemoryDevice } from '@vmcraft/core/block';
import { listTree } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { xfsDriver } from '../src/index.js';
import { deviceOf, linesOf } from './fixtures.js';

const SECTOR = 512;
const CHECKSUM = 224;
const INCOMPATIBLE = 216;
const LOG_INCOMPATIBLE = 220;
const VERSION = 100;
const REALTIME_BLOCKS = 16;

/** Change the first superblock of a device, and make its checksum right. */
async function changed(device: MemoryDevice, change: (view: DataView) => void): Promise<MemoryDevice> {
  const raw = await device.read(0, SECTOR);
  const view = viewOf(raw);
  change(view);
  view.setUint32(CHECKSUM, 0);
  view.setUint32(CHECKSUM, crc32c(raw), true);
  await device.write(0, raw);
  return device;
}

const unpacked = (name: string): MemoryDevice =>
  MemoryDevice.from(gunzipSync(readFileSync(join(import.meta.dirname, 'fixtures', `${name}.img.gz`))));
const or =
  (at: number, bits: number) =>
  (view: DataView): void =>
    view.setUint32(at, view.getUint32(at) | bits);
const open = (device: MemoryDevice, mountOptions: readonly string[] = []) =>
  xfsDriver.open(device, { readonly: true, mountOptions });

describe('what would be read wrongly is refused by name', () => {
  it.each([
    ['needsrepair', or(INCOMPATIBLE, 0x10), /needs repair.*xfs_repair/s],
    ['a zoned realtime section', or(INCOMPATIBLE, 0x200), /zoned/],
    ['gaps between zones', or(INCOMPATIBLE, 0x400), /zoned/],
    ['features that are not known', or(INCOMPATIBLE, 0x4000_0000), /0x40000000/],
    ['version 6', (view: DataView) => view.setUint16(VERSION, (view.getUint16(VERSION) & ~0xf) | 6), /version 6/],
  ])('%s', async (_name, change, message) => {
    const error = await open(await changed(await deviceOf('today'), change)).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'VMC_UNSUPPORTED' });
    expect(`${String(error)} ${JSON.stringify(error)}`).toMatch(message);
  });

  it('metadata directories are no hindrance', async () => {
    const device = await changed(await deviceOf('today'), or(INCOMPATIBLE, 0x100));
    await using fs = await open(device);
    expect(await listTree(fs, { links: true })).toEqual(linesOf('tree.txt').sort());
  });

  it('a realtime section in groups, when it is named', async () => {
    const device = await changed(await deviceOf('today'), (view) => {
      or(INCOMPATIBLE, 0x100)(view);
      view.setBigUint64(REALTIME_BLOCKS, 1024n);
    });
    const others = async () => [{ name: '/dev/sdb', device: new MemoryDevice(8 << 20) }];
    const options = { readonly: true, others, mountOptions: ['rtdev=/dev/sdb'] };
    await expect(xfsDriver.open(device, options)).rejects.toMatchObject({
      code: 'VMC_UNSUPPORTED',
      message: /realtime section in groups/,
    });
    await using _fs = await open(device);
  });

  it('directories of version 1', async () => {
    const device = unpacked('version-4');
    const raw = await device.read(0, SECTOR);
    viewOf(raw).setUint16(VERSION, viewOf(raw).getUint16(VERSION) & ~0x2000);
    await device.write(0, raw);
    await expect(open(device)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED', message: /directories of version 1/ });
  });

  it('a log with features that are not known, unless it is not needed', async () => {
    const device = await changed(unpacked('realtime'), or(LOG_INCOMPATIBLE, 0x80));
    const others = async () => [{ name: '/dev/sdb', device: unpacked('realtime-log') }];
    await expect(xfsDriver.open(device, { readonly: true, others })).rejects.toMatchObject({
      code: 'VMC_UNSUPPORTED',
      message: /log features 0x80/,
    });
    await using _fs = await open(device, ['norecovery']);
    await using _clean = await open(await changed(await deviceOf('today'), or(LOG_INCOMPATIBLE, 0x80)));
  });

  it('a log that a machine of the other byte order left', async () => {
    const device = unpacked('version-4');
    const data = viewOf(await device.read(0, device.size));
    const FORMAT = 300;
    const BIG_ENDIAN = 3;
    for (let at = 0; at < device.size; at += SECTOR) {
      if (data.getUint32(at) !== 0xfeedbabe || data.getUint32(at + FORMAT) !== 1) continue;
      await device.write(at + FORMAT, Uint8Array.of(0, 0, 0, BIG_ENDIAN));
    }
    await expect(open(device)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED', message: /byte order.*norecovery/s });
    await using _old = await open(device, ['norecovery']);
  });
});
