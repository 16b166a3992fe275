import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { LOOK_ALIKE_NEEDS, lookAlike } from './look-alike/build.js';
import { onExt4 } from './look-alike/other-filesystem.js';

const CURRENT = 'Microsoft\\Windows NT\\CurrentVersion';
let folder: string;
let disk: string;

async function open(): Promise<GuestFS> {
  const g = await GuestFS.open(disk);
  await g.mountRoot();
  return g;
}

/** What hivexregedit says of a hive of the guest. */
async function exported(path: string, key: string): Promise<string> {
  await using g = await open();
  const copy = join(folder, 'hive');
  await g.download(path, copy);
  return execFileSync('hivexregedit', ['--export', '--unsafe-printable-strings', copy, key], { encoding: 'utf8' });
}

const config = '/Windows/System32/config';

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'mke2fs', 'hivexregedit'))('the registry of a guest', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-registry-'));
    disk = onExt4(await lookAlike('win10-x64'), folder);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('reads values of every hive by every form of path', async () => {
    await using g = await open();
    expect(await g.registryRead('SOFTWARE', CURRENT, 'ProductName')).toBe('Windows 10 Pro');
    expect(await g.registryRead('HKLM\\SOFTWARE', CURRENT.toLowerCase(), 'ubr')).toBe(4291);
    expect(await g.registryRead('HKEY_LOCAL_MACHINE', `SOFTWARE\\${CURRENT}`, 'InstallTime')).toBeTypeOf('bigint');
    expect(await g.registryRead('SYSTEM', 'CurrentControlSet\\Services\\Tcpip\\Parameters', 'Hostname')).toBe(
      'DESKTOP-M3OSHQU',
    );
    expect(await g.registryRead('HKLM', 'SYSTEM\\ControlSet001\\Services\\disk', 'Owners')).toEqual(['disk.inf']);
    expect(await g.registryRead('SAM', 'SAM\\Domains\\Account\\Users\\000003E9', 'F')).toBeInstanceOf(Uint8Array);
    expect(await g.registryRead('BCD', 'Description', 'KeyName')).toBe('BCD00000000');
    expect(await g.registryRead('HKLM\\BCD00000000', 'Description', 'System')).toBe(1);
    expect(await g.registryRead('NTUSER.DAT:Alice', 'Volatile Environment', 'USERNAME')).toBe('Alice');
    expect(await g.registryRead('NTUSER.DAT', 'Volatile Environment', 'USERNAME', { user: 'alice' })).toBe('Alice');
    expect(await g.registryRead('HKCU\\Environment', '', 'TEMP')).toBe('%USERPROFILE%\\AppData\\Local\\Temp');
    expect(await g.registryRead('HKU', '.DEFAULT\\Keyboard Layout\\Preload', '1')).toBe('00000409');
    expect((await g.registryList('UsrClass.dat:Alice', '')).keys).toEqual(['.txt', 'Local Settings']);
    expect((await g.registryList('HKCU\\Software\\Classes', '')).keys).toEqual(['.txt', 'Local Settings']);
    expect((await g.registryList('SECURITY', '')).keys).toEqual(['Policy', 'RXACT']);
    expect((await g.registryList('COMPONENTS', 'DerivedData')).keys).toEqual(['Components']);
    expect(await g.registryRead('C:\\windows\\system32\\CONFIG\\software', CURRENT, 'CurrentBuild')).toBe('19045');
  });

  it('lists keys with types', async () => {
    await using g = await open();
    const { keys, values, lastWritten } = await g.registryList('SYSTEM', 'Select');
    expect(keys).toEqual([]);
    expect(values).toContainEqual({ name: 'Current', type: 'REG_DWORD', data: 1 });
    expect(lastWritten).toMatch(/^\d{4}-/);
  });

  it('writes values that hivex reads', async () => {
    await GuestFS.with(disk, async (g) => {
      await g.mountRoot();
      await g.registryWrite('SYSTEM', 'CurrentControlSet\\Services\\Dhcp', 'Start', 4);
      await g.registryWrite('SOFTWARE', 'VMCraft\\New\\Key', 'text', 'Grüße');
      await g.registryWrite('SOFTWARE', 'VMCraft', 'list', ['a', 'b']);
      await g.registryWrite('SOFTWARE', 'VMCraft', 'path', '%SystemRoot%\\x', { type: 'REG_EXPAND_SZ' });
      await g.registryWrite('SOFTWARE', 'VMCraft', 'big', 2n ** 40n);
      await g.registryWrite('SOFTWARE', 'VMCraft', 'hex', '01 ff', { type: 'binary' });
      await g.registryWrite('SOFTWARE', 'VMCraft', 'number', '0x10', { type: 'dword' });
      await g.registryWrite(
        'BCD',
        'Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\\Elements\\25000004',
        'Element',
        Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0),
      );
    });
    expect(await exported(`${config}/SYSTEM`, '\\ControlSet001\\Services\\Dhcp')).toContain('"Start"=dword:00000004');
    const text = await exported(`${config}/SOFTWARE`, '\\VMCraft');
    expect(text).toContain('"big"=hex(b):00,00,00,00,00,01,00,00');
    expect(text).toContain('"hex"=hex(3):01,ff');
    expect(text).toContain('"number"=dword:00000010');
    expect(text).toContain('"list"=hex(7):61,00,00,00,62,00,00,00,00,00');
    expect(text).toContain('[\\VMCraft\\New\\Key]');
    await using g = await open();
    expect(await g.registryRead('SOFTWARE', 'VMCraft\\New\\Key', 'text')).toBe('Grüße');
    const element = await g.registryRead(
      'BCD',
      'Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\\Elements\\25000004',
      'Element',
    );
    expect(element).toEqual(Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0));
  });

  it('deletes values and keys', async () => {
    await GuestFS.with(disk, async (g) => {
      await g.mountRoot();
      await g.registryDelete('SYSTEM', 'ControlSet001\\Services\\EventLog', { name: 'DisplayName' });
      await g.registryDelete('SYSTEM', 'ControlSet001\\Services\\LSI_SAS');
    });
    const text = await exported(`${config}/SYSTEM`, '\\ControlSet001\\Services');
    expect(text).not.toContain('LSI_SAS');
    expect(text.split('[\\ControlSet001\\Services\\EventLog]')[1]!.split('[')[0]).not.toContain('DisplayName');
  });

  it('exports what it imports, as hivexregedit does', async () => {
    const reg = join(folder, 'in.reg');
    const lines = [
      'Windows Registry Editor Version 5.00',
      '',
      '[HKEY_LOCAL_MACHINE\\SOFTWARE\\Imported\\Deep]',
      '"a"="x\\\\y"',
      '@=dword:0000002a',
      '',
      '[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\viostor]',
      '"Start"=dword:00000000',
      '',
      '[-HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]',
      '',
      '[HKEY_USERS\\.DEFAULT\\Control Panel\\International]',
      '"Locale"=-',
      '',
    ];
    writeFileSync(reg, lines.join('\r\n'));
    await GuestFS.with(disk, async (g) => {
      await g.mountRoot();
      expect(await g.registryImport(reg)).toEqual({ keysDeleted: 1, valuesSet: 3, valuesDeleted: 1 });
    });
    expect(await exported(`${config}/SYSTEM`, '\\ControlSet001\\Services\\viostor')).toContain(
      '"Start"=dword:00000000',
    );
    expect(await exported(`${config}/SYSTEM`, '\\')).not.toContain('[\\Setup]');
    const out = join(folder, 'out.reg');
    await using g = await open();
    await g.registryExport('HKLM\\SOFTWARE', 'Imported', out);
    const text = readFileSync(out, 'utf16le').replace(/^\ufeff/, '');
    expect(text.split('\r\n').filter((line) => line !== '')).toEqual([
      'Windows Registry Editor Version 5.00',
      '[HKEY_LOCAL_MACHINE\\SOFTWARE\\Imported]',
      '[HKEY_LOCAL_MACHINE\\SOFTWARE\\Imported\\Deep]',
      '"a"="x\\\\y"',
      '@=dword:0000002a',
    ]);
  });

  it('refuses what cannot be, before anything is written', async () => {
    const before = execFileSync('sha256sum', [disk], { encoding: 'utf8' });
    const message = async (work: (g: GuestFS) => Promise<unknown>): Promise<string> => {
      const g = await open();
      const text = await work(g).then(
        () => 'no error',
        (error: Error) => error.message,
      );
      await g.rollback();
      return text;
    };
    expect(await message((g) => g.registryRead('SOFTWARE', CURRENT, 'Nothing'))).toContain(
      "there is no value 'Nothing' in the key: SOFTWARE",
    );
    expect(await message((g) => g.registryRead('SOFTWARE', 'No\\Such', 'x'))).toContain('there is no such key');
    expect(await message((g) => g.registryRead('NOWHERE', 'x', 'x'))).toContain("'NOWHERE' is no hive");
    expect(await message((g) => g.registryRead('NTUSER.DAT:Nobody', '', 'x'))).toContain("user 'Nobody' has none");
    expect(await message((g) => g.registryWrite('SOFTWARE', 'X', 'v', 'text', { type: 'REG_DWORD' }))).toContain(
      'is not a number',
    );
    expect(await message((g) => g.registryWrite('SOFTWARE', 'X', 'v', 2 ** 40, { type: 'REG_DWORD' }))).toContain(
      'does not fit',
    );
    expect(await message((g) => g.registryWrite('SOFTWARE', 'X', 'v', 'x', { type: 'REG_FOO' }))).toContain('REG_FOO');
    expect(await message((g) => g.registryWrite('/Windows/win.ini', 'X', 'v', 1))).toMatch(/regf|hive|bytes/i);
    expect(await message((g) => g.registryDelete('SOFTWARE', ''))).toMatch(/not permitted|EPERM|root/i);
    expect(await message((g) => g.registryImport('/etc/hostname'))).toMatch(/\.reg|line 1/i);
    expect(execFileSync('sha256sum', [disk], { encoding: 'utf8' })).toBe(before);
  });
});
