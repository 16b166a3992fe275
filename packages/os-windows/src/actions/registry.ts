import { UsageError } from '@vmcraft/core/errors';
import {
  type ArgKind,
  arg,
  defineAction,
  FileIn,
  FileOut,
  Int,
  PlainString,
  plainValue,
  type Session,
} from '@vmcraft/core/guest';
import type { ImportedReg, RegistryData } from '@vmcraft/format-regf';
import type { GuestRegistry, ListedKey } from '../registry/guest-registry.js';

const theme = 'registry';
const since = '0.2.0';
const hive = arg('hive', PlainString);
const key = arg('key', PlainString);
const user = PlainString;

const isData = (value: unknown): value is RegistryData =>
  typeof value === 'string' ||
  typeof value === 'number' ||
  typeof value === 'bigint' ||
  value instanceof Uint8Array ||
  (Array.isArray(value) && value.every((item) => typeof item === 'string'));

/** What a value can hold: text, a number, a list of text or bytes. A command line gives text for all of them. */
const RegistryDataKind: ArgKind<RegistryData> = {
  name: 'PlainString',
  list: false,
  accepts: isData,
  expects: 'must be text, a number, a bigint, a list of text, or bytes',
  schema: (zod) => zod.custom<RegistryData>(isData),
};

/** Everything but the declarations is loaded when the first of these actions runs. */
async function registry(g: Session, operation: string): Promise<GuestRegistry> {
  const { GuestRegistry: Registry } = await import('../registry/guest-registry.js');
  return new Registry(g, operation);
}

/** The registry of a Windows guest, by hive, key and value. */
export const registryActions = [
  defineAction({
    name: 'registry_read',
    theme,
    since,
    args: [hive, key, arg('name', PlainString)],
    options: { user },
    returns: plainValue<RegistryData>('data of the value'),
    doc: 'The data of a registry value: text, a number, a list of text, or bytes, by its type. `hive` is `SOFTWARE`, `SYSTEM`, `SAM`, `SECURITY`, `DEFAULT`, `COMPONENTS`, `BCD`, `NTUSER.DAT:USER`, `UsrClass.dat:USER`, a root such as `HKLM\\SYSTEM`, or the path of a file. `CurrentControlSet` is the one in use. The empty name is the default value.',
    run: async (g, h, k, name, options) =>
      (await registry(g, 'registry_read')).read({ hive: h, key: k, user: options.user }, name),
  }),
  defineAction({
    name: 'registry_list',
    theme,
    since,
    args: [hive, key],
    options: { user },
    returns: plainValue<ListedKey>('subkeys and values'),
    doc: 'The names of the subkeys of a registry key, and its values with their types and data.',
    run: async (g, h, k, options) => (await registry(g, 'registry_list')).list({ hive: h, key: k, user: options.user }),
  }),
  defineAction({
    name: 'registry_write',
    theme,
    since,
    args: [hive, key, arg('name', PlainString), arg('value', RegistryDataKind)],
    options: { type: PlainString, user },
    returns: 'void',
    doc: 'Set a registry value; its key is made where it is not there. `type` is `REG_SZ`, `REG_EXPAND_SZ`, `REG_DWORD`, `REG_QWORD`, `REG_MULTI_SZ`, `REG_BINARY` …, by default that of the value in place, or the one that fits the data. As text, numbers may be hexadecimal, bytes are hexadecimal digits, and the strings of a list are divided by `\\0`.',
    run: async (g, h, k, name, value, options) =>
      (await registry(g, 'registry_write')).write({ hive: h, key: k, user: options.user }, name, value, options.type),
  }),
  defineAction({
    name: 'registry_delete',
    theme,
    since,
    args: [hive, key],
    options: { name: PlainString, user },
    returns: 'void',
    doc: 'Delete a registry value by its `name`, or, without one, a key with all below it.',
    run: async (g, h, k, options) =>
      (await registry(g, 'registry_delete')).remove({ hive: h, key: k, user: options.user }, options.name),
  }),
  defineAction({
    name: 'registry_export',
    theme,
    since,
    args: [hive, key, arg('file', FileOut)],
    options: { version: Int, user },
    returns: 'void',
    doc: 'Write a registry key and all below it to a .reg file on the host (`-`: standard output), as regedit does. `version` 4 writes the old `REGEDIT4`.',
    run: async (g, h, k, file, options) => {
      const version = options.version ?? 5;
      if (version !== 4 && version !== 5) throw new UsageError('must be 4 or 5', { argument: 'version' });
      return (await registry(g, 'registry_export')).export({ hive: h, key: k, user: options.user }, file, version);
    },
  }),
  defineAction({
    name: 'registry_import',
    theme,
    since,
    args: [arg('file', FileIn)],
    options: { hive: PlainString, prefix: PlainString, user },
    returns: plainValue<ImportedReg>('what was changed'),
    doc: 'Merge a .reg file of the host (`-`: standard input) into the registry, as regedit does: keys and values are added or replaced, those marked with `-` deleted. All of it happens, or nothing. `hive` names the one that all keys go to, and `prefix` what their paths begin with there.',
    run: async (g, file, options) => {
      const { importRegistry } = await import('../registry/registry-import.js');
      return importRegistry(g, file, options, 'registry_import');
    },
  }),
] as const;
