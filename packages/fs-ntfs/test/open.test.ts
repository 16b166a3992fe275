import type { MemoryDevice } from '@vmcraft/core/block';
import type { Warning } from '@vmcraft/core/contracts';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { isHibernated } from '../src/hibernation.js';
import { ntfsDriver } from '../src/index.js';
import { AttributeType, SystemFile } from '../src/layout.js';
import { logState } from '../src/log-file.js';
import { Volume } from '../src/volume.js';
import { contents, FILE, mkntfs, names, openWritable, pattern, type WritableFileSystem } from './support.js';

const MIB = 1024 * 1024;
const LIMITS = { maxDirEntries: 1000, maxExtents: 1000 };
const volumeOf = (device: MemoryDevice): Promise<Volume> => Volume.open(device, { readonly: true, limits: LIMITS });

async function hibernated(signature: string): Promise<MemoryDevice> {
  const device = mkntfs(8 * MIB);
  const fs = await openWritable(device);
  const node = await fs.create(fs.root, 'hiberfil.sys', { mode: FILE });
  const data = new Uint8Array(8192);
  data.set(new TextEncoder().encode(signature));
  await fs.write(node, 0, data);
  await fs.close();
  return device;
}

/** Offset on the device of a system file's first cluster. */
async function placeOf(device: MemoryDevice, record: number): Promise<{ at: number; length: number }> {
  const volume = await volumeOf(device);
  const { runs } = (await volume.mft.load(record)).require(AttributeType.data).nonResident!;
  const { lcn, length } = runs.at(0)!;
  return { at: lcn * volume.geometry.clusterSize, length: length * volume.geometry.clusterSize };
}

describe.runIf(requireTools('mkntfs'))('volumes that something was left on', () => {
  it.each(['hibr', 'HIBR', 'RSTR'])(
    'a hibernated Windows (%s) makes the volume read-only, with a warning',
    async (signature) => {
      const device = await hibernated(signature);
      expect(await isHibernated(await volumeOf(device))).toBe(true);
      const warnings: Warning[] = [];
      const fs = await ntfsDriver.open(device, { readonly: false, warn: (w) => warnings.push(w) });
      expect(fs.readonly).toBe(true);
      expect(fs.abilities.has('write')).toBe(false);
      expect(warnings.map((w) => w.message).join()).toMatch(/remove_hiberfile/);
      await fs.close();
    },
  );

  it('the option remove_hiberfile discards the session', async () => {
    const device = await hibernated('HIBR');
    const fs = await openWritable(device, ['remove_hiberfile']);
    expect(fs.readonly).toBe(false);
    expect(await names(fs)).not.toContain('hiberfil.sys');
    await fs.close();
    const again = await openWritable(device);
    expect(again.readonly).toBe(false);
  });

  it.each(['wake', 'WAKE', '\0\0\0\0'])('a used hibernation file (%j) is no obstacle', async (signature) => {
    const fs = await openWritable(await hibernated(signature));
    expect(fs.readonly).toBe(false);
    await fs.close();
  });

  it('a log with restart pages of a mounted volume is reported, and emptied by the first change', async () => {
    const device = mkntfs(8 * MIB);
    const { at } = await placeOf(device, SystemFile.logFile);
    await device.write(at, dirtyRestartPage());
    const warnings: Warning[] = [];
    const options = { readonly: true, warn: (w: Warning) => void warnings.push(w) };
    await (await ntfsDriver.open(device, options)).close();
    expect(warnings.map((w) => w.message).join()).toMatch(/log of the volume is not clean/);
    const strict = await ntfsDriver.open(device, { readonly: false, mountOptions: ['norecover'] });
    expect(strict.readonly).toBe(true);
    const fs = await openWritable(device);
    const log = async () => {
      const volume = await volumeOf(device);
      return logState(volume, (await volume.mft.load(SystemFile.logFile)).require(AttributeType.data));
    };
    expect(await log()).toBe('dirty');
    await fs.create(fs.root, 'x', { mode: FILE });
    await fs.close();
    expect(await log()).toBe('empty');
  });

  it('is marked dirty while it is being changed, and only then', async () => {
    const device = mkntfs(8 * MIB);
    const flags = async (): Promise<number> => (await (await volumeOf(device)).facts()).flags;
    const fs = await openWritable(device);
    expect(await flags()).toBe(0);
    await fs.create(fs.root, 'x', { mode: FILE });
    expect(await flags()).toBe(1);
    await fs.sync();
    expect(await flags()).toBe(0);
    await fs.unlink(fs.root, 'x');
    expect(await flags()).toBe(1);
    await fs.close();
    expect(await flags()).toBe(0);
  });

  it('reads $MFTMirr where the beginning of $MFT is damaged', async () => {
    const device = mkntfs(8 * MIB);
    const fs = await openWritable(device);
    await fs.write(await fs.create(fs.root, 'kept', { mode: FILE }), 0, pattern(5000));
    await fs.close();
    const { at } = await placeOf(device, SystemFile.mft);
    await device.write(at, new Uint8Array(4096));
    const warnings: Warning[] = [];
    const again = await ntfsDriver.open(device, { readonly: true, warn: (w) => warnings.push(w) });
    const node = (await again.lookup(again.root, 'kept'))!;
    expect(await contents(again, node)).toEqual(pattern(5000));
    expect(warnings.map((w) => w.message).join()).toMatch(/\$MFTMirr is used/);
  });

  it('keeps $MFTMirr the same as the beginning of $MFT', async () => {
    const device = mkntfs(64 * MIB, ['-c', '4096']);
    const fs: WritableFileSystem = await openWritable(device);
    for (let i = 0; i < 300; i++) await fs.create(fs.root, `file ${i}`, { mode: FILE });
    await fs.close();
    const mft = await placeOf(device, SystemFile.mft);
    const mirror = await placeOf(device, SystemFile.mftMirror);
    expect(await device.read(mirror.at, 4096)).toEqual(await device.read(mft.at, 4096));
  });
});

/** A restart page whose log client is in use. */
function dirtyRestartPage(): Uint8Array {
  const page = new Uint8Array(4096);
  const view = new DataView(page.buffer);
  page.set(new TextEncoder().encode('RSTR'));
  view.setUint16(4, 30, true);
  view.setUint16(6, 9, true);
  view.setUint32(16, 4096, true);
  view.setUint32(20, 4096, true);
  view.setUint16(24, 48, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 1, true);
  // The area: one client, in use.
  view.setUint16(48 + 8, 1, true);
  view.setUint16(48 + 10, 0xffff, true);
  view.setUint16(48 + 12, 0, true);
  view.setUint16(30, 7, true);
  for (let end = 510; end < 4096; end += 512) view.setUint16(end, 7, true);
  return page;
}
