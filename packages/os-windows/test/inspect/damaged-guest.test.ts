import { createHive, importReg } from '@vmcraft/format-regf';
import { MemoryView } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { WindowsInspector } from '../../src/inspect/inspector.js';

const ROOT = '/dev/sda1';
const CONFIG = '/Windows/System32/config';

const SOFTWARE = `Windows Registry Editor Version 5.00

[Microsoft\\Windows NT\\CurrentVersion]
"ProductName"="Windows 10 Pro"
"CurrentBuild"="19045"
"CurrentMajorVersionNumber"=dword:0000000a
"CurrentMinorVersionNumber"=dword:00000000
"UBR"=dword:00000001
"InstallDate"=dword:60000000

[Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-1-2-3-1001]
"ProfileImagePath"="C:\\\\Users\\\\Alice"

[Microsoft\\Windows\\CurrentVersion\\Uninstall\\App]
"DisplayName"="App"

[Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages\\Package_for_KB5034441~31bf~amd64~~10.0]
"CurrentState"=dword:00000070
`;

const SYSTEM = `Windows Registry Editor Version 5.00

[Select]
"Current"=dword:00000001

[MountedDevices]
"\\\\DosDevices\\\\C:"=hex:01,02,03,04,00,00,10,00,00,00,00,00

[ControlSet001\\Services\\Tcpip\\Parameters]
"Hostname"="HOST"

[ControlSet001\\Services\\disk]
"Type"=dword:00000001
"Start"=dword:00000000

[ControlSet001\\Control\\TimeZoneInformation]
"TimeZoneKeyName"="UTC"
`;

const zeros = (n: number): string => new Array(n).fill('00').join(',');
const SAM = `Windows Registry Editor Version 5.00

[SAM\\Domains\\Account]
"V"=hex:${zeros(64)},01,00,00,00,02,00,00,00,03,00,00,00

[SAM\\Domains\\Account\\Users\\000003E9]
"F"=hex:${zeros(80)}
"V"=hex:${zeros(12)},00,00,00,00,0a,00,00,00,00,00,00,00,${zeros(180)},41,00,6c,00,69,00,63,00,65,00
`;

const BCD = `Windows Registry Editor Version 5.00

[Description]
"KeyName"="BCD00000000"

[Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\\Description]
"Type"=dword:10100002

[Objects\\{b2721d73-1db4-4c62-bf78-c548a880142d}\\Description]
"Type"=dword:10200003

[Objects\\{b2721d73-1db4-4c62-bf78-c548a880142d}\\Elements\\21000001]
"Element"=hex:${zeros(16)},06,00,00,00,00,00,00,00,48,00,00,00,00,00,00,00,${zeros(56)}
`;

async function hive(text: string): Promise<Uint8Array> {
  const made = await createHive();
  await importReg(made, text);
  return made.bytes();
}

let files: Record<string, Uint8Array>;

const inspect = (tree: Record<string, Uint8Array>) =>
  new WindowsInspector().inspect(new MemoryView({ [ROOT]: tree }), ROOT);

/** Numbers that are the same in every run (xorshift). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

describe('a Windows guest that is damaged', () => {
  beforeAll(async () => {
    files = {
      [`${CONFIG}/SOFTWARE`]: await hive(SOFTWARE),
      [`${CONFIG}/SYSTEM`]: await hive(SYSTEM),
      [`${CONFIG}/SAM`]: await hive(SAM),
      '/Boot/BCD': await hive(BCD),
      '/Windows/System32/cmd.exe': new Uint8Array(1024).fill(0x4d),
      '/hiberfil.sys': new TextEncoder().encode('HIBR rest'),
    };
  });

  it('is inspected as it is when nothing is wrong', async () => {
    const os = await inspect(files);
    expect(os?.warnings).toBeUndefined();
    expect(os).toMatchObject({
      productName: { value: 'Windows 10 Pro' },
      hostname: { value: 'HOST' },
      users: [{ name: 'Alice', uid: 1001, home: 'C:\\Users\\Alice', sid: 'S-1-5-21-1-2-3-1001' }],
      windows: { hibernated: { value: true }, hotfixes: { value: [{ id: 'KB5034441' }] } },
    });
  });

  it('is none without a system folder', async () => {
    expect(await inspect({ '/WindowsApps/x': new Uint8Array(1) })).toBeUndefined();
    expect(await inspect({ '/Windows/readme.txt': new Uint8Array(1) })).toBeUndefined();
  });

  it('says what it cannot read, and still tells the rest', async () => {
    const os = await inspect({ ...files, [`${CONFIG}/SOFTWARE`]: new Uint8Array(8192) });
    expect(os?.hostname?.value).toBe('HOST');
    expect(os?.productName).toBeUndefined();
    expect(os?.warnings?.join()).toContain(`${CONFIG}/SOFTWARE`);
  });

  it('never fails or hangs, whatever bits are flipped', { timeout: 60_000 }, async () => {
    const next = random(20_260_131);
    const names = Object.keys(files);
    for (let round = 0; round < 400; round++) {
      const name = names[next() % names.length]!;
      const bytes = files[name]!.slice(0, next() % 8 === 0 ? next() % files[name]!.length : undefined);
      for (let flips = next() % 6; flips >= 0 && bytes.length > 0; flips--) {
        // Mostly where there is something: the checksum of the base block would catch the rest.
        const at = bytes.length > 4096 ? 4096 + (next() % (bytes.length - 4096)) : next() % bytes.length;
        bytes[at] = next() & 0xff;
      }
      const os = await inspect({ ...files, [name]: bytes });
      expect(os?.type.value, `round ${round}, ${name}`).toBe('windows');
    }
  });
});
