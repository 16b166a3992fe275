import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { LOOK_ALIKE_NEEDS, lookAlike, scratchDisk } from './look-alike/build.js';
import { onExt4 } from './look-alike/other-filesystem.js';

let folder: string;
const disks = new Map<string, string>();

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'mke2fs'))(
  'paths as Windows writes them',
  { timeout: 120_000 },
  () => {
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'vmcraft-paths-'));
      const built = await lookAlike('win11-x64');
      disks.set('ntfs', scratchDisk(built, folder));
      disks.set('ext4', onExt4(built, folder));
    }, 120_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const open = async (name: string): Promise<GuestFS> => {
      const g = await GuestFS.open(disks.get(name)!);
      await g.mountRoot();
      return g;
    };

    it.each(['ntfs', 'ext4'])('mean the same file in every form on %s', async (name) => {
      await using g = await open(name);
      const expected = await g.read('/Windows/win.ini');
      for (const path of [
        'C:\\Windows\\win.ini',
        'c:\\windows\\WIN.INI',
        'C:/Windows/Win.ini',
        'c:\\Windows/win.ini',
        '%SystemRoot%\\win.ini',
        '%windir%/WIN.ini',
        '%SystemDrive%\\Windows\\win.ini',
        '\\Windows\\win.ini',
        '\\\\?\\C:\\Windows\\win.ini',
        'win:C:\\Windows\\win.ini',
        'win:\\WINDOWS\\WIN.INI',
      ]) {
        expect(await g.read(path), path).toBe(expected);
      }
      expect(await g.ls('C:\\Users\\alice\\DOCUMENTS')).toEqual(['Grüße.txt']);
      expect(await g.isDir('%ProgramFiles%\\7-zip')).toBe(true);
      expect(await g.exists('C:\\nothing\\here')).toBe(false);
      expect(await g.caseSensitivePath('C:\\windows\\SYSTEM32\\config\\software')).toBe(
        '/Windows/System32/config/SOFTWARE',
      );
      expect(await g.caseSensitivePath('/WINDOWS/system32/CONFIG/software')).toBe('/Windows/System32/config/SOFTWARE');
    });

    it.each(['ntfs', 'ext4'])('keep the case of what they create on %s', async (name) => {
      await GuestFS.with(disks.get(name)!, async (g) => {
        await g.mountRoot();
        await g.mkdirP('c:\\program FILES\\My Company\\SubDir');
        await g.write('C:\\PROGRAM FILES\\my company\\SubDir\\ReadMe.TXT', 'hello');
      });
      await using g = await open(name);
      expect(await g.find('/Program Files/My Company')).toEqual(['SubDir', 'SubDir/ReadMe.TXT']);
    });

    it('follow the letters of other drives to where they are mounted', async () => {
      await using g = await open('ntfs');
      await expect(g.ls('D:\\')).rejects.toThrow('drive D: is /dev/sda5, which is not mounted');
      await g.mkdir('/mnt');
      await g.mount('/dev/sda5', '/mnt');
      expect(await g.ls('D:\\')).toEqual(['System Volume Information']);
      await g.write('d:\\file', 'x');
      expect(await g.read('/mnt/file')).toBe('x');
      await expect(g.ls('Z:\\')).rejects.toThrow('drive Z: is none of the disks');
      await expect(g.ls('%NOTHING%\\x')).rejects.toThrow('%NOTHING%');
      await g.rollback();
    });
  },
);
