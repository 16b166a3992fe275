import { inboxDrivers, packageName } from './driver-table.js';
import { portableExecutable, type Subsystem } from './machine-code.js';
import { atLeast, type Release } from './releases.js';

/** Files by path on the Windows volume. */
export type Files = ReadonlyMap<string, Uint8Array>;

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const utf16 = (s: string): Uint8Array => new Uint8Array(Buffer.from(`\ufeff${s}`, 'utf16le'));

/** The system folder: old releases write it in capitals, as an upgrade from older ones leaves it. */
export const systemRoot = (r: Release): string => (r.id === 'win7-x86' ? 'WINDOWS' : 'Windows');

/** What lies on the Windows volume besides hives. */
export function windowsFiles(r: Release): Files {
  const files = new Map<string, Uint8Array>();
  const root = systemRoot(r);
  const program = (path: string, subsystem: Subsystem = 'console'): void => {
    files.set(
      path,
      portableExecutable(r.arch, subsystem, `${path.split('/').at(-1)} ${r.major}.${r.minor}.${r.build}.${r.ubr}`),
    );
  };
  program(`${root}/explorer.exe`, 'gui');
  for (const name of ['cmd.exe', 'notepad.exe', 'svchost.exe', 'smss.exe']) program(`${root}/System32/${name}`);
  for (const name of ['ntoskrnl.exe', 'hal.dll', 'ntdll.dll', 'kernel32.dll'])
    program(`${root}/System32/${name}`, 'native');
  program(`${root}/System32/winload.${r.firmware === 'uefi' ? 'efi' : 'exe'}`, 'efi');
  if (r.arch !== 'x86') files.set(`${root}/SysWOW64/cmd.exe`, portableExecutable('x86', 'console', 'cmd.exe'));
  for (const d of inboxDrivers(r)) {
    program(`${root}/System32/drivers/${d.file}`, 'native');
    const inf = utf16(
      `; ${d.inf}\r\n[Version]\r\nSignature="$WINDOWS NT$"\r\nClassGUID=${d.classGuid}\r\nProvider=%MSFT%\r\n`,
    );
    files.set(`${root}/INF/${d.inf}`, inf);
    const folder = `${root}/System32/DriverStore/FileRepository/${packageName(r, d.inf)}`;
    files.set(`${folder}/${d.inf}`, inf);
    program(`${folder}/${d.file}`, 'native');
  }
  for (const name of ['tcpip.sys', 'lsi_sas.sys', 'ntfs.sys']) program(`${root}/System32/drivers/${name}`, 'native');
  files.set(`${root}/System32/drivers/etc/hosts`, text('127.0.0.1 localhost\r\n'));
  files.set(`${root}/win.ini`, text('; for 16-bit app support\r\n[fonts]\r\n'));
  files.set(`${root}/System32/config/RegBack/.keep`, text(''));
  files.set('Users/Alice/Documents/Grüße.txt', text('Grüße\r\n'));
  files.set('Users/Public/desktop.ini', utf16('[.ShellClassInfo]\r\n'));
  files.set('Program Files/7-Zip/7z.exe', portableExecutable(r.arch, 'console', '7z'));
  files.set('ProgramData/Microsoft/Windows/Start Menu/Programs/readme.txt', text('programs\r\n'));
  files.set('pagefile.sys', new Uint8Array(65536));
  if (r.fastStartup === true) files.set('hiberfil.sys', hibernationFile());
  if (r.antivirus !== undefined)
    files.set('Program Files/Example/exampleav.exe', portableExecutable(r.arch, 'console', 'av'));
  if (atLeast(r, 6, 2)) files.set('Program Files/WindowsApps/Deleted/.keep', text(''));
  if (r.groupPolicy === true) {
    files.set(`${root}/System32/GroupPolicy/gpt.ini`, text('[General]\r\nVersion=65537\r\n'));
    files.set(`${root}/System32/GroupPolicy/Machine/Registry.pol`, text('PReg\u0001\0\0\0'));
  }
  if (r.pendingReboot === true) files.set(`${root}/WinSxS/pending.xml`, text('<PendingTransaction/>'));
  return files;
}

/** A hibernation file that was resumed from: the signature is wiped, so nothing waits in it. */
function hibernationFile(): Uint8Array {
  return new Uint8Array(65536);
}

/** The boot files of the system partition, besides the boot configuration. */
export function bootFiles(r: Release): Files {
  if (r.firmware === 'uefi') {
    const loader = portableExecutable(r.arch, 'efi', 'bootmgfw.efi');
    const fallback = { x86: 'BOOTIA32.EFI', amd64: 'BOOTX64.EFI', arm64: 'BOOTAA64.EFI' }[r.arch];
    return new Map([
      ['EFI/Microsoft/Boot/bootmgfw.efi', loader],
      ['EFI/Microsoft/Boot/memtest.efi', portableExecutable(r.arch, 'efi', 'memtest.efi')],
      [`EFI/Boot/${fallback}`, loader],
    ]);
  }
  return new Map([
    ['bootmgr', text('BOOTMGR is compressed\0')],
    ['Boot/memtest.exe', portableExecutable(r.arch, 'console', 'memtest.exe')],
  ]);
}
