/**
 * Change a registry hive that lies on the host as a file, without a guest around it: `@vmcraft/format-regf` alone.
 *
 *     node registry-edit.js SYSTEM
 *
 * Sets the start type of a service, merges a .reg file's text, and prints what the service's key holds afterwards.
 */
import { open } from 'node:fs/promises';
import { exportReg, type HiveTarget, importReg, openHive } from '@vmcraft/format-regf';

const [path = 'SYSTEM'] = process.argv.slice(2);
const file = await open(path, 'r+');

/** A file of the host as a hive's bytes: only what is asked for is read, only what changed is written. */
const { size } = await file.stat();
const target: HiveTarget = {
  size,
  async read(offset, length) {
    const { buffer } = await file.read(new Uint8Array(length), 0, length, offset);
    return buffer;
  },
  async write(offset, data) {
    await file.write(data, 0, data.length, offset);
  },
  truncate: (length) => file.truncate(length),
  flush: () => file.datasync(),
};

const hive = await openHive(target, { writable: true, warn: ({ message }) => console.warn(message) });

// All of it happens, or nothing.
await hive.transaction(async () => {
  const service = await hive.root.createKey('ControlSet001\\Services\\viostor');
  await service.setValue('Start', 'REG_DWORD', 0);
  await service.setValue('ImagePath', 'REG_EXPAND_SZ', 'System32\\drivers\\viostor.sys');
  const text = `Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\viostor]
"Group"="SCSI miniport"
"DependOnService"=-

[-HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\viostor\\StartOverride]
`;
  await importReg(hive, text, { prefix: 'HKEY_LOCAL_MACHINE\\SYSTEM' });
});
const { ranges } = await hive.commit();
console.log(`${ranges.length} spans of ${path} written`);

const service = await hive.key('controlset001\\services\\VIOSTOR');
if (service !== undefined) for await (const part of exportReg(service)) process.stdout.write(part);
await file.close();
