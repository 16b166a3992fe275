import { GUID_TYPE } from './type-guids.js';

/** Names people know MBR types by, in the words of sfdisk(8) where it has them. */
const MBR_NAMES: Readonly<Record<string, string>> = {
  '01': 'FAT12',
  '04': 'FAT16 <32M',
  '05': 'Extended',
  '06': 'FAT16',
  '07': 'HPFS/NTFS/exFAT',
  '0b': 'W95 FAT32',
  '0c': 'W95 FAT32 (LBA)',
  '0e': 'W95 FAT16 (LBA)',
  '0f': "W95 Ext'd (LBA)",
  '11': 'Hidden FAT12',
  '12': 'Compaq diagnostics',
  '14': 'Hidden FAT16 <32M',
  '16': 'Hidden FAT16',
  '17': 'Hidden HPFS/NTFS',
  '1b': 'Hidden W95 FAT32',
  '1c': 'Hidden W95 FAT32 (LBA)',
  '1e': 'Hidden W95 FAT16 (LBA)',
  '27': 'Hidden NTFS WinRE',
  '41': 'PPC PReP Boot',
  '42': 'SFS',
  '82': 'Linux swap / Solaris',
  '83': 'Linux',
  '85': 'Linux extended',
  '88': 'Linux plaintext',
  '8e': 'Linux LVM',
  a5: 'FreeBSD',
  a6: 'OpenBSD',
  a8: 'Darwin UFS',
  a9: 'NetBSD',
  ab: 'Darwin boot',
  af: 'HFS / HFS+',
  be: 'Solaris boot',
  bf: 'Solaris',
  da: 'Non-FS data',
  de: 'Dell Utility',
  ea: 'Linux extended boot',
  eb: 'BeOS fs',
  ee: 'GPT',
  ef: 'EFI (FAT-12/16/32)',
  fb: 'VMware VMFS',
  fc: 'VMware VMKCORE',
  fd: 'Linux raid autodetect',
};

const T = GUID_TYPE;

const GUID_NAMES: Readonly<Record<string, string>> = {
  [T.efiSystem]: 'EFI System',
  [T.linuxData]: 'Linux filesystem',
  [T.linuxSwap]: 'Linux swap',
  [T.linuxLvm]: 'Linux LVM',
  [T.linuxRaid]: 'Linux RAID',
  [T.microsoftBasicData]: 'Microsoft basic data',
  [T.microsoftReserved]: 'Microsoft reserved',
  [T.windowsRecovery]: 'Windows recovery environment',
  [T.windowsLdmData]: 'Microsoft LDM data',
  [T.windowsLdmMetadata]: 'Microsoft LDM metadata',
  [T.biosBoot]: 'BIOS boot',
  [T.extendedBoot]: 'Linux extended boot',
  [T.powerPcPrep]: 'PowerPC PReP boot',
  [T.appleHfs]: 'Apple HFS/HFS+',
  [T.appleApfs]: 'Apple APFS',
  [T.linuxRootX86]: 'Linux root (x86)',
  [T.linuxRootX64]: 'Linux root (x86-64)',
  [T.linuxRootArm64]: 'Linux root (ARM-64)',
  [T.linuxHome]: 'Linux home',
  [T.linuxServerData]: 'Linux server data',
};

/** What a partition type is called: by two hex digits (MBR) or a GUID in lower case. `unknown` when it has no name here. */
export function partitionTypeName(type: string): string {
  if (Object.hasOwn(MBR_NAMES, type)) return MBR_NAMES[type]!;
  return Object.hasOwn(GUID_NAMES, type) ? GUID_NAMES[type]! : 'unknown';
}
