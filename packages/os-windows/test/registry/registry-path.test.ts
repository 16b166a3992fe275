import { describe, expect, it } from 'vitest';
import { parseRegistryPath, registryPrefix } from '../../src/registry/registry-path.js';

const machine = (hive: string) => ({ kind: 'machine', hive });
const user = (hive: string, name?: string) => ({ kind: 'user', hive, user: name });

describe('paths of the registry', () => {
  it.each([
    ['SOFTWARE', 'A\\B', machine('SOFTWARE'), 'A\\B'],
    ['software', '\\A\\\\B\\', machine('SOFTWARE'), 'A\\B'],
    ['HKLM', 'SYSTEM\\Select', machine('SYSTEM'), 'Select'],
    ['HKEY_LOCAL_MACHINE\\SAM\\SAM', 'Domains', machine('SAM'), 'SAM\\Domains'],
    ['HKLM\\BCD00000000', 'Objects', machine('BCD'), 'Objects'],
    ['HKCR', '.txt', machine('SOFTWARE'), 'Classes\\.txt'],
    ['HKU', '.DEFAULT\\x', machine('DEFAULT'), 'x'],
    ['HKU\\Alice', 'x', user('NTUSER.DAT', 'Alice'), 'x'],
    ['HKEY_USERS', 'S-1-5-21-1_Classes\\x', user('UsrClass.dat', 'S-1-5-21-1'), 'x'],
    ['HKCU\\Software\\Classes', '.txt', user('UsrClass.dat'), '.txt'],
    ['HKCU', 'Software\\Vendor', user('NTUSER.DAT'), 'Software\\Vendor'],
    ['NTUSER.DAT:Alice', 'x', user('NTUSER.DAT', 'Alice'), 'x'],
    ['usrclass.dat', 'x', user('UsrClass.dat'), 'x'],
    ['/some/file', 'x', { kind: 'file', path: '/some/file' }, 'x'],
    ['C:\\hive', 'x', { kind: 'file', path: 'C:\\hive' }, 'x'],
  ])('%s with %s', (hive, key, name, path) => {
    expect(parseRegistryPath(hive, key)).toEqual({ hive: name, key: path });
  });

  it.each(['', 'NOWHERE', 'HKLM', 'HKLM\\HARDWARE', 'HKU', 'constructor', 'HKPD'])('%s is an error', (hive) => {
    expect(() => parseRegistryPath(hive, '')).toThrow(/hive|user/);
  });

  it.each(['SOFTWARE', 'BCD', 'DEFAULT', 'NTUSER.DAT:Alice', 'UsrClass.dat:Alice', 'NTUSER.DAT', 'UsrClass.dat'])(
    '%s has a root that means it again',
    (hive) => {
      const { hive: name } = parseRegistryPath(hive, '');
      expect(parseRegistryPath(registryPrefix(name), 'x')).toEqual({ hive: name, key: 'x' });
    },
  );
});
