import { execFileSync } from 'node:child_process';
import { type FileSystem, supports } from '@vmcraft/core/contracts';
import { extDriver } from '@vmcraft/fs-ext';
import { requireTools } from '@vmcraft/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FEATURE_SETS } from './feature-sets.js';
import { e2fsckComplaints, ImageDevice, Workspace } from './image.js';

const UTC = { ...process.env, TZ: 'UTC' };

/** What `tune2fs -l` prints, as names and values in order. */
function tune2fsList(image: string): [string, string][] {
  const text = execFileSync('tune2fs', ['-l', image], {
    encoding: 'utf8',
    env: UTC,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return text
    .split('\n')
    .filter((line) => line.includes(':') && !line.startsWith('tune2fs'))
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
}

async function withFs<T>(image: string, writable: boolean, work: (fs: FileSystem) => Promise<T>): Promise<T> {
  const device = await ImageDevice.open(image, writable);
  const fs = await extDriver().open(device, { readonly: !writable });
  try {
    return await work(fs);
  } finally {
    await fs.close();
    await device.close();
  }
}

async function describeFs(image: string): Promise<[string, string][]> {
  return withFs(image, false, async (fs) => {
    if (!supports(fs, 'tune')) throw new Error('no tune');
    return [...(await fs.describe())];
  });
}

describe.runIf(requireTools('mke2fs', 'tune2fs', 'e2fsck', 'debugfs', 'dumpe2fs'))('tune, judged by tune2fs', () => {
  let space: Workspace;
  beforeEach(() => {
    space = new Workspace();
  });
  afterEach(() => space.remove());

  for (const set of FEATURE_SETS) {
    it(`says what tune2fs -l says: ${set.name}`, async () => {
      const image = await space.mke2fs('list.img', set.size ?? 96, set.args);
      expect(await describeFs(image)).toEqual(tune2fsList(image));
      if (set.name === 'mmp, stable_inodes') return;
      const options = [
        '-c',
        '20',
        '-i',
        '9d',
        '-e',
        'panic',
        '-L',
        'lab',
        '-o',
        'journal_data_ordered,debug',
        '-r',
        '77',
        '-u',
        '0',
      ];
      execFileSync('tune2fs', [...options, image], { stdio: 'ignore' });
      for (const setting of [
        'error_count 3',
        'first_error_time 1000000000',
        'last_error_ino 12',
        'last_error_time 1000000001',
        'mount_opts data=journal',
      ]) {
        execFileSync('debugfs', ['-w', '-R', `ssv ${setting}`, image], { stdio: 'ignore' });
      }
      expect(await describeFs(image)).toEqual(tune2fsList(image));
    });

    it(`changes settings, label and UUID, and e2fsck stays content: ${set.name}`, async () => {
      const image = await space.mke2fs('tuned.img', set.size ?? 96, set.args);
      const uuid = 'deadbeef-0123-4567-89ab-cdef00112233';
      await withFs(image, true, async (fs) => {
        if (!supports(fs, 'tune') || !supports(fs, 'label')) throw new Error('no tune');
        await fs.tune({
          force: true,
          maxmountcount: 31,
          mountcount: 7,
          errorbehavior: 'remount-ro',
          group: 5,
          user: 6,
          intervalbetweenchecks: 86_400,
          reservedblockspercentage: 2,
          lastmounteddirectory: '/mnt/böse',
        });
        await fs.tune({ reservedblockscount: 1234 });
        await fs.setLabel('new label');
        await fs.setUuid(uuid);
        await expect(fs.tune({ errorbehavior: 'explode', mountcount: 9 })).rejects.toMatchObject({ code: 'EINVAL' });
        await expect(fs.tune({ nonsense: 1 })).rejects.toMatchObject({ code: 'EINVAL' });
        await expect(fs.setLabel('seventeen letters')).rejects.toMatchObject({ code: 'EINVAL' });
        expect(fs.identity).toMatchObject({ label: 'new label', uuid });
      });
      const facts = new Map(tune2fsList(image));
      expect(facts.get('Maximum mount count')).toBe('31');
      expect(facts.get('Mount count')).toMatch(/^[78]$/);
      expect(facts.get('Errors behavior')).toBe('Remount read-only');
      expect(facts.get('Reserved blocks uid')).toMatch(/^6 /);
      expect(facts.get('Reserved blocks gid')).toMatch(/^5 /);
      expect(facts.get('Check interval')).toBe('86400 (1 day)');
      expect(facts.get('Reserved block count')).toBe('1234');
      expect(facts.get('Last mounted on')).toBe('/mnt/böse');
      expect(facts.get('Filesystem volume name')).toBe('new label');
      expect(facts.get('Filesystem UUID')).toBe(uuid);
      expect(e2fsckComplaints(image)).toBeUndefined();
    });
  }
});
