import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memorySource, openHive } from '@vmcraft/format-regf';
import { rejectsWith, requireTools } from '@vmcraft/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { LOOK_ALIKE_NEEDS, lookAlike } from './look-alike/build.js';
import { systemRoot } from './look-alike/file-list.js';

const oracle = fileURLToPath(new URL('./sam-oracle.py', import.meta.url));
/** Debian's own, which has its packages. */
const PYTHON = '/usr/bin/python3';
const BOOT_KEY = '00112233445566778899aabbccddeeff';
const DOMAIN_KEY = '0f1e2d3c4b5a69788796a5b4c3d2e1f0';
/** Bytes of the boot key in the order of the class names: the inverse of what Windows does. */
const SCRAMBLED = [8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7].reduce<string[]>((out, at, i) => {
  out[at] = BOOT_KEY.slice(i * 2, i * 2 + 2);
  return out;
}, []);
/** Published vectors of NTOWFv1. */
const NT_PASSWORD = '8846f7eaee8fb117ad06bdd830b7586c';
const NT_EMPTY = '31d6cfe0d16ae931b73c59d7e0c089c0';

const IMPACKET = 'data:/usr/lib/python3/dist-packages/impacket';

/** Change a hive file with our own writer. */
async function edit(path: string, work: (hive: Awaited<ReturnType<typeof openHive>>) => Promise<void>): Promise<void> {
  const source = memorySource(new Uint8Array(readFileSync(path)));
  const hive = await openHive(source, { writable: true });
  await work(hive);
  await hive.commit();
  writeFileSync(path, source.bytes());
}

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'chntpw', 'mke2fs', 'python3', IMPACKET))(
  'passwords in the SAM, read by impacket',
  () => {
    let folder = '';
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'vmcraft-sam-'));
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    /** A look-alike with keys that fit each other, as an ext4 volume: what the SAM holds does not depend on the file system. */
    async function guest(id: string, form: 'RC4' | 'AES'): Promise<{ image: string; config: string }> {
      const built = await lookAlike(id);
      const tree = join(folder, 'tree');
      execFileSync('cp', ['-r', built.tree, tree]);
      const config = join(tree, systemRoot(built.release), 'System32/config');
      await edit(join(config, 'SYSTEM'), async (hive) => {
        const lsa = `ControlSet00${built.release.controlSet}\\Control\\Lsa`;
        for (const [i, part] of ['JD', 'Skew1', 'GBG', 'Data'].entries()) {
          await (await hive.root.createKey(`${lsa}\\${part}`)).setClassName(SCRAMBLED.slice(i * 4, i * 4 + 4).join(''));
        }
      });
      const f = execFileSync(PYTHON, [oracle, 'key', form, BOOT_KEY, DOMAIN_KEY], { encoding: 'utf8' }).trim();
      await edit(join(config, 'SAM'), async (hive) => {
        await (await hive.key('SAM\\Domains\\Account'))!.setValue(
          'F',
          'REG_BINARY',
          new Uint8Array(Buffer.from(f, 'hex')),
        );
      });
      const image = join(folder, 'disk.img');
      execFileSync('truncate', ['-s', '300M', image]);
      execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', tree, image]);
      return { image, config: `/${systemRoot(built.release)}/System32/config` };
    }

    /** NT hashes by account, as impacket reads them. */
    async function dump(g: GuestFS, config: string): Promise<Readonly<Record<string, string>>> {
      for (const name of ['SYSTEM', 'SAM']) writeFileSync(join(folder, name), await g.readFile(`${config}/${name}`));
      const paths = [join(folder, 'SYSTEM'), join(folder, 'SAM')];
      const text = execFileSync(PYTHON, [oracle, 'dump', ...paths], { encoding: 'utf8' });
      return Object.fromEntries(
        text.split('\n').flatMap((line) => {
          const [name, , , nt] = line.split(':');
          return nt === undefined ? [] : [[name!, nt]];
        }),
      );
    }

    it.each([
      ['win7-x64', 'RC4'],
      ['win10-x64', 'AES'],
      ['win11-x64', 'AES'],
    ] as const)('%s (%s)', { timeout: 120_000 }, async (id, form) => {
      const { image, config } = await guest(id, form);
      await using g = await GuestFS.open(image, { format: 'raw' });
      await g.mount('/dev/sda', '/');
      await g.resetPassword('Alice', { password: 'password' });
      await g.resetPassword('bob', { nthash: NT_PASSWORD.toUpperCase() });
      expect(await dump(g, config)).toMatchObject({ Alice: NT_PASSWORD, Bob: NT_PASSWORD, Guest: NT_EMPTY });
      copyFileSync(join(folder, 'SAM'), join(folder, 'SAM.set'));
      const listing = execFileSync('chntpw', ['-l', join(folder, 'SAM')], {
        encoding: 'latin1',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      expect(listing).toMatch(/Bob\s*\|\s*\|\s*\|/);
      await g.resetPassword('ALICE');
      await g.resetPassword('Administrator', { password: 'pässwörd ☃' });
      const after = await dump(g, config);
      expect(after).toMatchObject({ Alice: NT_EMPTY, Bob: NT_PASSWORD });
      expect(after.Administrator).not.toBe(NT_EMPTY);
      await g.resetPassword('Bob', { password: '' });
      expect((await dump(g, config)).Bob).toBe(NT_EMPTY);
      await rejectsWith(() => g.resetPassword('nobody'), ['ENOENT']);
      await rejectsWith(() => g.resetPassword('Alice', { nthash: 'xyz' }), ['VMC_USAGE']);
      await rejectsWith(() => g.resetPassword('Alice', { nthash: NT_EMPTY, password: 'x' }), ['VMC_USAGE']);
      await g.rollback();
    });

    it('refuses a boot key that does not fit, and changes nothing', { timeout: 60_000 }, async () => {
      const { image, config } = await guest('win7-x64', 'RC4');
      await using g = await GuestFS.open(image, { format: 'raw' });
      await g.mount('/dev/sda', '/');
      const before = await g.readFile(`${config}/SAM`);
      await g.registryWrite('SAM', 'SAM\\Domains\\Account', 'F', new Uint8Array(0xf0).fill(1, 0x68, 0x69), {
        type: 'REG_BINARY',
      });
      const broken = await g.readFile(`${config}/SAM`);
      await rejectsWith(() => g.resetPassword('Alice', { password: 'x' }), ['VMC_CORRUPT']);
      expect(Buffer.compare(await g.readFile(`${config}/SAM`), broken)).toBe(0);
      expect(Buffer.compare(before, broken)).not.toBe(0);
      await g.resetPassword('Alice');
      await g.rollback();
    });
  },
);
