import { MemoryDevice } from '@vmcraft/core/block';
import { type FileSystem, S_IFDIR, S_IFREG, supports } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { describe, expect, it } from 'vitest';
import { ntfsDriver } from '../../src/index.js';
import { decodeDescriptor, encodeDescriptor } from '../../src/security/descriptor.js';
import { inheritDescriptor } from '../../src/security/inherit.js';
import { nextPlace } from '../../src/security/secure-editor.js';
import { decodeSid, encodeSid } from '../../src/security/sid.js';

const ALL = 0x1f01ff;

async function blank(): Promise<{ device: MemoryDevice; fs: FileSystem }> {
  const device = new MemoryDevice(16 * 1024 * 1024);
  await ntfsDriver.format?.(device, 'ntfs', {});
  return { device, fs: await ntfsDriver.open(device, { readonly: false }) };
}

const descriptorOf = (n: number): Uint8Array =>
  encodeDescriptor({
    control: 0,
    owner: `S-1-5-21-1-2-3-${n}`,
    group: 'S-1-5-32-544',
    dacl: [{ type: 0, flags: 3, mask: ALL, sid: `S-1-5-21-1-2-3-${n + 1}` }],
  });

describe('SIDs', () => {
  it('come back the same', () => {
    for (const sid of ['S-1-5-18', 'S-1-5-21-4294967295-1-2-500', 'S-1-0x123456789abc-1', 'S-1-1-0']) {
      expect(decodeSid(encodeSid(sid))).toBe(sid);
    }
    expect(() => encodeSid('S-1-5-99999999999')).toThrow(/no SID/);
    expect(() => decodeSid(Uint8Array.of(1, 200, 0, 0))).toThrow(/SID/);
  });
});

describe('inheritance', () => {
  it('gives files and directories what is meant for them, with generic rights resolved', () => {
    const parent = encodeDescriptor({
      control: 0,
      owner: 'S-1-5-18',
      group: 'S-1-5-18',
      dacl: [
        { type: 0, flags: 0, mask: ALL, sid: 'S-1-5-11' },
        { type: 0, flags: 0x0b, mask: 0x10000000, sid: 'S-1-5-32-544' },
        { type: 0, flags: 0x01, mask: 0x1200a9, sid: 'S-1-5-32-545' },
        { type: 0, flags: 0x0b, mask: ALL, sid: 'S-1-3-0' },
      ],
    });
    expect(decodeDescriptor(inheritDescriptor(parent, false)).dacl).toEqual([
      { type: 0, flags: 0x10, mask: ALL, sid: 'S-1-5-32-544' },
      { type: 0, flags: 0x10, mask: 0x1200a9, sid: 'S-1-5-32-545' },
      { type: 0, flags: 0x10, mask: ALL, sid: 'S-1-5-18' },
    ]);
    expect(decodeDescriptor(inheritDescriptor(parent, true)).dacl).toEqual([
      { type: 0, flags: 0x10, mask: ALL, sid: 'S-1-5-32-544' },
      { type: 0, flags: 0x1b, mask: 0x10000000, sid: 'S-1-5-32-544' },
      { type: 0, flags: 0x19, mask: 0x1200a9, sid: 'S-1-5-32-545' },
      { type: 0, flags: 0x10, mask: ALL, sid: 'S-1-5-18' },
      { type: 0, flags: 0x1b, mask: ALL, sid: 'S-1-3-0' },
    ]);
  });

  it('falls back to administrators where nothing is inherited', () => {
    const parent = encodeDescriptor({ control: 0, owner: 'S-1-5-18', group: 'S-1-5-18', dacl: [] });
    const { dacl } = decodeDescriptor(inheritDescriptor(parent, false));
    expect(dacl?.map(({ sid }) => sid)).toEqual(['S-1-5-18', 'S-1-5-32-544']);
  });
});

describe('$Secure', () => {
  it('keeps entries off the copies', () => {
    expect(nextPlace(0xfc, 100)).toBe(0x100);
    expect(nextPlace(0x3fff0, 100)).toBe(0x80000);
    expect(nextPlace(0x3ff00, 0x100)).toBe(0x3ff00);
    expect(nextPlace(0xbfff8, 100)).toBe(0x100000);
  });

  it('shares descriptors, takes thousands of new ones, and gives all of them back', async () => {
    const { device, fs } = await blank();
    if (!supports(fs, 'write') || !supports(fs, 'xattr')) throw new Error('not writable');
    const count = 1700;
    for (let i = 0; i < count; i++) {
      const node = await fs.create(fs.root, `file${i}`, { mode: S_IFREG });
      await fs.setXattr(node, 'system.ntfs_acl', descriptorOf(i % 1600));
    }
    await fs.close();
    const again = await ntfsDriver.open(device, { readonly: true });
    if (!supports(again, 'xattr')) throw new Error('no attributes');
    for (let i = 0; i < count; i += 7) {
      const node = await again.lookup(again.root, `file${i}`);
      const found = node === undefined ? undefined : await again.getXattr(node, 'system.ntfs_acl');
      expect(Buffer.compare(found ?? new Uint8Array(0), descriptorOf(i % 1600)), `file${i}`).toBe(0);
    }
  }, 60_000);

  it('refuses what is no descriptor', async () => {
    const { fs } = await blank();
    if (!supports(fs, 'write') || !supports(fs, 'xattr')) throw new Error('not writable');
    const node = await fs.create(fs.root, 'd', { mode: S_IFDIR });
    await expect(fs.setXattr(node, 'system.ntfs_acl', new Uint8Array(30))).rejects.toThrow(FsError);
    await expect(fs.setXattr(node, 'system.ntfs_unknown', new Uint8Array(30))).rejects.toThrow(FsError);
    await expect(fs.removeXattr(node, 'system.ntfs_acl')).rejects.toThrow(/EPERM|not permitted/);
    await expect(fs.removeXattr(node, 'system.ntfs_ea')).rejects.toThrow(FsError);
    const inherited = decodeDescriptor((await fs.getXattr(node, 'system.ntfs_acl')) ?? new Uint8Array(0));
    expect(inherited.dacl?.every(({ flags }) => (flags & 0x10) !== 0)).toBe(true);
    await fs.close();
  });
});
