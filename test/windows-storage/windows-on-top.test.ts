import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { VOLUME_ID } from '../../packages/storage-bitlocker/test/make-volume.js';
import { makeGroup } from '../../packages/storage-ldm/test/make-group.js';
import { cli } from '../cli/run-cli.js';
import { IN_PROCESS } from '../guest/in-process.js';
import { LOOK_ALIKE_NEEDS, type LookAlike, lookAlike } from '../windows/look-alike/build.js';
import { encryptWindows, windowsVolume, writeDisks } from './windows-volume.js';

const MAPPER = `/dev/mapper/bitlk-${VOLUME_ID}`;
const RECOVERY = '471207-278498-422125-177177-561902-537405-468006-693451';
const HOSTS = '127.0.0.1 localhost\r\n';
const SAMPLE = 'C:\\Windows\\System32\\drivers\\etc\\hosts';
const readonly = { ...IN_PROCESS, readonly: true } as const;

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS))('Windows', () => {
  let folder: string;
  let built: LookAlike;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-windows-on-'));
    built = await lookAlike('win10-x64');
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Inspection, drive letters, the mounted tree, a file and the registry. */
  async function isWhole(g: GuestFS, root: string): Promise<void> {
    expect(await g.inspectOs()).toEqual([root]);
    expect(await g.inspectGetProductName(root)).toBe(built.release.marketingName);
    expect(await g.inspectGetDriveMappings(root)).toMatchObject({ C: root });
    await g.mountRoot();
    expect(await g.read(SAMPLE)).toBe(HOSTS);
    expect(await g.isFile('C:\\windows\\system32\\NTOSKRNL.EXE')).toBe(true);
    const product = await g.registryRead('SOFTWARE', 'Microsoft\\Windows NT\\CurrentVersion', 'ProductName');
    expect(product).toBe(built.release.productName);
  }

  it('on BitLocker is inspected, mounted and read with a key', { timeout: 120_000 }, async () => {
    const path = join(folder, 'encrypted.raw');
    await encryptWindows(built, path, [{ kind: 'tpm' }, { kind: 'recovery', secret: RECOVERY }]);
    {
      await using g = await GuestFS.open(path, { ...readonly, format: 'raw' });
      expect(await g.inspectOs()).toEqual([]);
      expect(g.session.warnings.map((w) => w.message)).toEqual([
        expect.stringContaining('/dev/sda3: a key is required (it is protected by TPM, recovery key)'),
      ]);
    }
    {
      await using g = await GuestFS.open(path, { ...readonly, format: 'raw', keys: { '/dev/sda3': RECOVERY } });
      await isWhole(g, MAPPER);
    }
    const key = ['--key', `/dev/sda3:key:${RECOVERY}`];
    const report = await cli(['inspect', '--json', path, ...key]);
    expect(report).toMatchObject({ status: 0 });
    expect(JSON.parse(report.stdout).operatingSystems).toMatchObject([{ root: MAPPER }]);
    expect(await cli(['cat', path, SAMPLE, ...key])).toMatchObject({ status: 0, stdout: HOSTS });
    const wrong = await cli(['cat', path, SAMPLE, '--key', `/dev/sda3:key:${RECOVERY.replace('471207', '471218')}`]);
    expect(wrong.status).not.toBe(0);
    expect(wrong.stderr).toContain('no given key opens it');
  });

  it.each([
    ['a mirrored volume', 'mirrored', [0, 1], [1]],
    ['a spanned volume', 'spanned', [1, 0], undefined],
    ['a RAID-5 volume', 'raid5', [0, 1, 2], [0, 2]],
  ] as const)(
    'on %s of dynamic disks is inspected, mounted and read',
    { timeout: 120_000 },
    async (_, kind, own, rest) => {
      const { plain, guid } = windowsVolume(built);
      const recipe = { name: 'Volume1', kind, disks: own, content: plain, uuid: guid };
      const disks = writeDisks(makeGroup([recipe], own.length).disks, join(folder, kind));
      const root = '/dev/mapper/ldm_vol_WIN-Dg0_Volume1';
      const drives = disks.map((path) => ({ path, format: 'raw' as const }));
      {
        await using g = await GuestFS.open(drives, readonly);
        await isWhole(g, root);
      }
      const all = disks.flatMap((path) => ['-a', path]);
      expect(await cli(['cat', ...all, SAMPLE])).toMatchObject({ status: 0, stdout: HOSTS });
      if (rest !== undefined) {
        await using g = await GuestFS.open(
          rest.map((i) => drives[i]!),
          readonly,
        );
        await isWhole(g, root);
        return;
      }
      const part = await cli(['cat', disks[0]!, SAMPLE, '-m', root]);
      expect(part.status).not.toBe(0);
      expect(part.stderr).toMatch(/LDM volume Volume1: disk Disk2 \([0-9a-f-]{36}\) of it is missing/);
    },
  );
});
