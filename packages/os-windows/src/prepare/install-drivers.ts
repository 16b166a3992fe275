import { encodeUtf8 } from '@vmcraft/core/binary';

/**
 * Batch file: adds every package that was injected to the driver store as Windows itself does it, and installs those whose devices are
 * there. `-i -a` is what pnputil of every release since Windows Vista understands.
 */
const SCRIPT = [
  '@echo off',
  'rem Written by VMCraft: installs the driver packages that were injected.',
  'for /r "%SystemRoot%\\Drivers\\VMCraft" %%f in (*.inf) do (',
  '  echo %%f',
  '  "%SystemRoot%\\System32\\pnputil.exe" -i -a "%%f"',
  ')',
  'exit /b 0',
  '',
].join('\r\n');

/** The script as `firstBoot` takes it. */
export async function* installDrivers(): AsyncGenerator<Uint8Array> {
  yield encodeUtf8(SCRIPT);
}
