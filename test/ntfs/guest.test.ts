import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { DeviceTests, MIB, tool } from '../guest/device-session.js';
import { complaints, findingsIn } from './workspace.js';

const t = new DeviceTests('ntfs');

describe.runIf(requireTools('sgdisk', 'blkid', 'ntfsfix', 'ntfsinfo', 'ntfscluster', 'ntfscat', 'icat'))(
  'functions on NTFS',
  () => {
    it('make a volume, fill it, name it and probe it', async () => {
      const disk = t.disk('guest.raw', 64 * MIB);
      tool('sgdisk', '-n1:2048:+48M', '-t1:0700', disk);
      await t.with([disk], async (g) => {
        expect(await g.ntfs3gProbe(true, '/dev/sda1')).toBe(12);
        await g.mkfs('ntfs', '/dev/sda1', { label: 'first' });
        expect(await g.vfsType('/dev/sda1')).toBe('ntfs');
        expect(await g.vfsLabel('/dev/sda1')).toBe('first');
        await g.setLabel('/dev/sda1', 'Zweiter Näme');
        await g.mount('/dev/sda1', '/');
        await g.mkdirP('/Windows/System32/drivers');
        await g.write('/windows/system32/DRIVERS/new.sys', 'contents');
        await g.lnS('drivers', '/Windows/System32/link');
        await g.lnS('/Windows', '/C');
        await g.setxattr('user.stream', 'value', 5, '/Windows/System32/drivers/new.sys');
        expect(await g.caseSensitivePath('/WINDOWS/system32')).toBe('/Windows/System32');
        expect(await g.cat('/C/System32/link/NEW.SYS')).toBe('contents');
        expect(await g.ls('/windows/system32')).toEqual(['drivers', 'link']);
        await g.umountAll();
        expect(await g.ntfs3gProbe(true, '/dev/sda1')).toBe(0);
      });
      const part = t.part(disk, MIB, 48 * MIB);
      expect(tool('blkid', '-p', '-o', 'value', '-s', 'LABEL', part).trim()).toBe('Zweiter Näme');
      expect(complaints(part)).toEqual([]);
      expect(await findingsIn(part)).toEqual([]);
      await t.with([disk], async (g) => {
        await g.mountRo('/dev/sda1', '/');
        expect(await g.readlink('/Windows/System32/link')).toBe('drivers');
        expect(await g.ntfs3gProbe(false, '/dev/sda1')).toBe(0);
        const target = `${disk}.out`;
        const { st_ino: ino } = await g.statns('/Windows/System32/drivers/new.sys');
        for (const record of [0, 10, Number(ino)]) {
          await g.ntfscatI('/dev/sda1', record, target);
          // Of $MFT, ntfscat undoes the fixups.
          const command = record === 0 ? 'icat -f ntfs "$1" "$0" | sha256sum' : 'ntfscat -f -i "$0" "$1" | sha256sum';
          const theirs = tool('sh', '-c', command, String(record), part);
          expect(tool('sh', '-c', 'sha256sum < "$0"', target)).toBe(theirs);
        }
        await expect(g.ntfscatI('/dev/sda1', 5, target)).rejects.toMatchObject({ code: 'EISDIR' });
        await expect(g.ntfscatI('/dev/sda1', 60_000, target)).rejects.toThrow(/record number/);
        await expect(g.ntfscatI('/dev/sda', 0, target)).rejects.toMatchObject({ code: 'EINVAL' });
      });
    }, 60_000);
  },
);
