import type { DiskLayout } from './disk-layout.js';
import { guidBytes } from './driver-database.js';
import { bytes, dword, multi, type RegKeys, type RegValue, sz } from './reg-text.js';
import type { Release } from './releases.js';

/** Well-known object: the boot manager. */
export const BOOTMGR = '{9dea862c-5cdd-4e70-acc1-f32b344d4795}';
/** The look-alike's own loader entries: Windows, and its recovery. */
export const LOADER = '{b2721d73-1db4-4c62-bf78-c548a880142d}';
export const RECOVERY = '{b2721d74-1db4-4c62-bf78-c548a880142d}';
const MEMORY_TEST = '{b2721d73-1db4-4c62-bf78-c548a880142e}';

type Keys = Record<string, Record<string, RegValue>>;

/** The boot configuration: a boot manager that starts Windows, and a recovery environment. */
export function bcdHive(r: Release, layout: DiskLayout): RegKeys {
  const isUefi = r.firmware === 'uefi';
  const extension = isUefi ? 'efi' : 'exe';
  const system = layout.partitions.findIndex(
    (p) => p.role === (isUefi ? 'esp' : r.systemReserved === true ? 'reserved' : 'windows'),
  );
  const root = layout.partitions.findIndex((p) => p.role === 'windows');
  const keys: Keys = { Description: { KeyName: sz('BCD00000000'), System: dword(1), TreatAsSystem: dword(1) } };
  add(keys, BOOTMGR, 0x10100002, {
    '11000001': bytes(deviceElement(layout, system)),
    ...(isUefi ? { '12000002': sz('\\EFI\\Microsoft\\Boot\\bootmgfw.efi') } : {}),
    '12000004': sz('Windows Boot Manager'),
    '12000005': sz(r.language[1]),
    '23000003': sz(LOADER),
    '24000001': multi(LOADER),
    '24000010': multi(MEMORY_TEST),
    '25000004': bytes(Uint8Array.of(30, 0, 0, 0, 0, 0, 0, 0)),
  });
  add(keys, LOADER, 0x10200003, {
    '11000001': bytes(deviceElement(layout, root)),
    '12000002': sz(`\\Windows\\system32\\winload.${extension}`),
    '12000004': sz(
      r.major >= 10
        ? r.build >= 22000 && r.installationType === 'Client'
          ? 'Windows 11'
          : r.installationType === 'Client'
            ? 'Windows 10'
            : 'Windows Server'
        : r.productName.split(' ').slice(0, 2).join(' '),
    ),
    '12000005': sz(r.language[1]),
    '14000008': multi(RECOVERY),
    '16000009': bytes(Uint8Array.of(1)),
    '21000001': bytes(deviceElement(layout, root)),
    '22000002': sz('\\Windows'),
    '25000020': bytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0)),
  });
  add(keys, RECOVERY, 0x10200003, {
    '12000002': sz(`\\windows\\system32\\winload.${extension}`),
    '12000004': sz('Windows Recovery Environment'),
    '22000002': sz('\\windows'),
    '26000022': bytes(Uint8Array.of(1)),
  });
  add(keys, MEMORY_TEST, 0x10200005, {
    '12000002': sz(isUefi ? '\\EFI\\Microsoft\\Boot\\memtest.efi' : '\\boot\\memtest.exe'),
    '12000004': sz('Windows Memory Diagnostic'),
  });
  return keys;
}

function add(keys: Keys, object: string, type: number, elements: Record<string, RegValue>): void {
  keys[`Objects\\${object}\\Description`] = { Type: dword(type) };
  for (const [id, value] of Object.entries(elements)) keys[`Objects\\${object}\\Elements\\${id}`] = { Element: value };
}

/** A device element that names a partition: options GUID, type 6, then the partition and its disk. */
function deviceElement(layout: DiskLayout, index: number): Uint8Array {
  const partition = layout.partitions[index]!;
  const e = Buffer.alloc(0x58);
  e.writeUInt32LE(6, 0x10);
  e.writeUInt32LE(0x48, 0x18);
  if (partition.guid === undefined) {
    e.writeBigUInt64LE(BigInt(partition.offset), 0x20);
    e.writeUInt32LE(1, 0x34);
    e.writeUInt32LE(layout.signature, 0x38);
  } else {
    Buffer.from(guidBytes(partition.guid)).copy(e, 0x20);
    e.writeUInt32LE(0, 0x34);
    Buffer.from(guidBytes(layout.diskGuid)).copy(e, 0x38);
  }
  return new Uint8Array(e);
}
