import type { WindowsHotfix } from '@vmcraft/core';
import { fileTimeText } from './file-time.js';
import { type HiveReader, numberOf } from './hive-reader.js';

const PACKAGES = 'Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages';
const OLD = 'Microsoft\\Windows NT\\CurrentVersion\\HotFix';
/** CbsInstallState: installed, and what waits to be committed at the next boot. */
const INSTALLED = new Set([0x70, 0x65, 0x60]);

/** Updates that are installed, by number; servicing packages, and the older HotFix keys. */
export async function readHotfixes(software: HiveReader): Promise<readonly WindowsHotfix[]> {
  const found = new Map<string, WindowsHotfix>();
  for (const key of await software.subkeys(OLD)) {
    const id = /^(?:KB|Q)\d{5,8}/i.exec(key.name)?.[0].toUpperCase();
    if (id !== undefined) found.set(id, { id });
  }
  for (const key of await software.subkeys(PACKAGES)) {
    const id = /(?:^|_)(KB\d{5,8})(?:~|_|$)/i.exec(key.name)?.[1]?.toUpperCase();
    if (id === undefined || found.get(id)?.installed !== undefined) continue;
    const values = await software.values(`${PACKAGES}\\${key.name}`);
    const number = (name: string): number | undefined => numberOf(values.find((v) => v.name.toLowerCase() === name));
    if (!INSTALLED.has(number('currentstate') ?? 0)) continue;
    const high = number('installtimehigh');
    const low = number('installtimelow');
    const installed =
      high === undefined || low === undefined ? undefined : fileTimeText((BigInt(high) << 32n) | BigInt(low));
    found.set(id, installed === undefined ? { id } : { id, installed });
  }
  return [...found.values()].sort((a, b) => Number(a.id.replace(/\D/g, '')) - Number(b.id.replace(/\D/g, '')));
}
