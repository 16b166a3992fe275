import { concatBytes, decodeUtf8, encodeUtf8 } from '@vmcraft/core/binary';
import { LimitExceededError, UsageError } from '@vmcraft/core/errors';
import type { FileSource, Session } from '@vmcraft/core/guest';
import { FileBatch } from '../drivers/file-batch.js';
import { currentControlSet } from '../drivers/guest-windows.js';
import { requireMachineHive } from '../volume/hive-file.js';
import { RegistryEditor } from '../volume/registry-editor.js';
import { WindowsVolume } from '../volume/windows-volume.js';
import { FOLDER, IMAGE_PATH, RUNNER, SERVICE } from './runner.js';

/** Bytes of a script. */
const MAX_SCRIPT = 16 << 20;
/** Scripts that may wait. */
const MAX_SCRIPTS = 9999;
const SERVICE_WIN32_OWN_PROCESS = 0x10;
const SERVICE_AUTO_START = 2;
/** A start that fails is nothing to tell the user of, and no reason to fall back to the last configuration. */
const SERVICE_ERROR_IGNORE = 0;

/** How a script is run. */
export interface FirstBootOptions {
  /** Name of the script; that of the host file unless given. Its end says what runs it: `.cmd`, `.bat` or `.ps1`. */
  readonly name?: string;
}

/** A script that waits for the next boot. */
export interface FirstBootScript {
  /** Path in the guest. */
  readonly script: string;
  /** Where its output goes, in the guest. */
  readonly log: string;
  readonly service: string;
}

/**
 * Have a batch or PowerShell script run once at the next boot of the mounted Windows, as LocalSystem, with its output in a log. Several
 * scripts run one after the other in the order in which they were added.
 * @param source host path, or the bytes of the script
 * @throws UsageError for a name that is none of a script, HostError, CapabilityError
 */
export async function firstBoot(
  g: Session,
  source: FileSource,
  options: FirstBootOptions = {},
): Promise<FirstBootScript> {
  const given =
    options.name ?? (typeof source === 'string' && source !== '-' ? g.platform.tree.basename(source) : 'script.cmd');
  const name = scriptName(given);
  const bytes = textForWindows(await readScript(g, source), name);
  const volume = await WindowsVolume.open(g, 'firstboot');
  await volume.requireWritable();
  const editor = new RegistryEditor(await requireMachineHive(volume, 'SYSTEM', true), 'SYSTEM');
  const folder = `${volume.systemRoot}/${FOLDER.replaceAll('\\', '/')}`;
  const waiting = await volume.list(`${folder}/scripts`);
  const script = `${folder}/scripts/${nextNumber(waiting)}-${name}`;
  const batch = new FileBatch(volume);
  await batch.add(`${folder}/run.cmd`, encodeUtf8(RUNNER));
  await batch.add(script, bytes);
  await writeService(editor, `${await currentControlSet(editor.hive)}\\Services\\${SERVICE}`);
  await batch.checkRoom();
  await batch.write();
  try {
    await editor.commit();
  } catch (error) {
    await batch.undo();
    throw error;
  }
  return { script: await volume.truePath(script), log: `${folder}/log.txt`, service: SERVICE };
}

async function writeService(editor: RegistryEditor, key: string): Promise<void> {
  await editor.setDword(key, 'Type', SERVICE_WIN32_OWN_PROCESS);
  await editor.setDword(key, 'Start', SERVICE_AUTO_START);
  await editor.setDword(key, 'ErrorControl', SERVICE_ERROR_IGNORE);
  await editor.setExpandString(key, 'ImagePath', IMAGE_PATH);
  await editor.setString(key, 'ObjectName', 'LocalSystem');
  await editor.setString(key, 'DisplayName', 'VMCraft first boot scripts');
  await editor.setString(
    key,
    'Description',
    'Runs scripts once and removes itself. Its start is always reported as failed.',
  );
}

/** Characters that mean nothing to cmd.exe; others become dashes. */
function scriptName(given: string): string {
  const name = given.replace(/[^A-Za-z0-9._-]/g, '-').slice(-64);
  if (/\.(cmd|bat|ps1)$/i.test(name)) return name;
  throw new UsageError(`'${given}' is neither a batch file (.cmd, .bat) nor a PowerShell script (.ps1)`, {
    argument: 'script',
  });
}

function nextNumber(waiting: readonly string[]): string {
  const numbers = waiting.map((name) => Number(/^(\d{4})-/.exec(name)?.[1] ?? '0'));
  const next = Math.max(0, ...numbers) + 1;
  if (next > MAX_SCRIPTS) throw new LimitExceededError({ limit: 'scripts that wait', value: next, max: MAX_SCRIPTS });
  return String(next).padStart(4, '0');
}

async function readScript(g: Session, source: FileSource): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of typeof source === 'string' ? g.platform.read(source) : source) {
    size += chunk.length;
    if (size > MAX_SCRIPT) throw new LimitExceededError({ limit: 'size of a script', value: size, max: MAX_SCRIPT });
    parts.push(chunk.slice());
  }
  return concatBytes(parts);
}

/** cmd.exe loses labels in files with bare line feeds; PowerShell 5 takes UTF-8 without a mark for ANSI. */
function textForWindows(bytes: Uint8Array, name: string): Uint8Array {
  const hasMark = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (hasMark || bytes.includes(0)) return bytes;
  const parts: Uint8Array[] = [];
  const isPowerShell = /\.ps1$/i.test(name);
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  if (isPowerShell && !marked && bytes.some((byte) => byte >= 0x80) && !decodeUtf8(bytes).includes('\ufffd')) {
    parts.push(Uint8Array.of(0xef, 0xbb, 0xbf));
  }
  const out: number[] = [];
  for (const [i, byte] of bytes.entries()) {
    if (byte === 0x0a && bytes[i - 1] !== 0x0d) out.push(0x0d);
    out.push(byte);
  }
  return concatBytes([...parts, Uint8Array.from(out)]);
}
