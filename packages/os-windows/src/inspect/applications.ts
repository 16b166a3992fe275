import type { Application } from '@vmcraft/core';
import { type HiveReader, textOf } from './hive-reader.js';

/** Programs of the system's own kind, and 32-bit ones on a 64-bit system. */
const UNINSTALL = [
  'Microsoft\\Windows\\CurrentVersion\\Uninstall',
  'WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall',
];
const APPX = 'Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore\\Applications';

/** Installed programs: those of the Uninstall keys that have a name for people, and AppX packages. Sorted by name, as guestfs sorts them. */
export async function readApplications(software: HiveReader): Promise<readonly Application[]> {
  const found: Application[] = [];
  for (const path of UNINSTALL) found.push(...(await uninstallKeys(software, path)));
  found.push(...(await storePackages(software)));
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

async function uninstallKeys(software: HiveReader, path: string): Promise<Application[]> {
  const found: Application[] = [];
  for (const key of await software.subkeys(path)) {
    const values = await software.values(`${path}\\${key.name}`);
    const text = (name: string): string | undefined =>
      textOf(values.find((v) => v.name.toLowerCase() === name.toLowerCase()));
    const displayName = text('DisplayName');
    // Parts of other programs have none; guestfs leaves them out too.
    if (displayName === undefined) continue;
    const optional = {
      installPath: text('InstallLocation'),
      publisher: text('Publisher'),
      url: text('URLInfoAbout'),
      description: text('Comments'),
    };
    found.push({
      name: key.name,
      displayName,
      version: text('DisplayVersion') ?? '',
      ...(Object.fromEntries(Object.entries(optional).filter(([, v]) => v !== undefined)) as Partial<Application>),
    });
  }
  return found;
}

/** Package full names: Name_Version_Architecture_ResourceId_PublisherId (Microsoft, "Package identity overview"). */
const FULL_NAME = /^([^_]+)_(\d+(?:\.\d+){3})_([^_]*)_([^_]*)_([a-z0-9]{13})$/i;

async function storePackages(software: HiveReader): Promise<Application[]> {
  const found: Application[] = [];
  for (const key of await software.subkeys(APPX)) {
    const parts = FULL_NAME.exec(key.name);
    if (parts === null) continue;
    const values = await software.values(`${APPX}\\${key.name}`);
    const manifest = textOf(values.find((v) => v.name.toLowerCase() === 'path'));
    found.push({
      name: key.name,
      displayName: parts[1]!,
      version: parts[2]!,
      ...(parts[3] === '' ? {} : { arch: parts[3]! }),
      ...(manifest === undefined ? {} : { installPath: manifest.replace(/\\[^\\]*$/, '') }),
      kind: 'appx',
    });
  }
  return found;
}
