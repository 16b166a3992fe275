import { equalBytes } from '@vmcraft/core/binary';
import { FsError, LimitExceededError, UsageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { Vfs } from '@vmcraft/core/vfs';
import { machineOf } from '../drivers/machine-type.js';
import { HiveLocator } from '../registry/hive-location.js';

const OPERATION = 'prepare_boot';
/** Bytes of a boot manager. */
const MAX_LOADER = 64 << 20;
const NEW_FILE = 0o644;
const NEW_FOLDER = 0o755;
/** UEFI Specification, section 3.5.1.1, "Removable Media Boot Behavior". */
const NAMES: Readonly<Record<string, string>> = { x86: 'BOOTIA32.EFI', amd64: 'BOOTX64.EFI', arm64: 'BOOTAA64.EFI' };

/**
 * Make the loader that firmware starts when it knows no entries the same as Windows' boot manager.
 * @param isRequired whether a guest that does not boot by UEFI is an error
 * @returns what was written; nothing when they are the same already
 * @throws UsageError for guests that do not boot by UEFI, FsError ENOENT when the boot manager is missing
 */
export async function writeFallbackLoader(g: Session, isRequired: boolean): Promise<readonly string[]> {
  const { systems } = await g.inspect();
  const isUefi = systems.some(({ windows }) => windows?.firmware?.value === 'uefi');
  const place = isUefi ? await new HiveLocator(g, OPERATION).locate({ kind: 'machine', hive: 'BCD' }) : undefined;
  const base = /^(.*)\/EFI\/Microsoft\/Boot\/BCD$/i.exec(place?.path ?? '')?.[1];
  if (base === undefined && !isRequired) return [];
  if (base === undefined) throw new UsageError('this Windows does not boot by UEFI', { argument: 'fallbackloader' });
  const mountable = place?.mountable;
  if (mountable === undefined) return copyLoader(g.vfs, base);
  return g.withFilesystem(mountable, false, async (fs) => {
    const vfs = new Vfs();
    await vfs.mount(fs, '/', { source: mountable, readonly: fs.readonly });
    return (await copyLoader(vfs, base)).map((file) => `${mountable}:${file}`);
  });
}

async function copyLoader(vfs: Vfs, base: string): Promise<readonly string[]> {
  const source = `${base}/EFI/Microsoft/Boot/bootmgfw.efi`;
  const loader = await readAll(vfs, source);
  if (loader === undefined) throw new FsError('ENOENT', { operation: OPERATION, path: source });
  const machine = machineOf(loader);
  const name = machine === undefined ? undefined : NAMES[machine];
  if (name === undefined) throw new UsageError(`${source} is no boot manager for a processor that is known`);
  const folder = `${base}/EFI/Boot`;
  const target = `${folder}/${name}`;
  const before = await readAll(vfs, target);
  if (before !== undefined && equalBytes(before, loader)) return [];
  if ((await vfs.find(folder, OPERATION)) === undefined) await vfs.edit.mkdir(folder, NEW_FOLDER, OPERATION);
  const file = await vfs.edit.open(target, { create: NEW_FILE, truncate: true }, OPERATION);
  await file.write(0, loader);
  return [target];
}

async function readAll(vfs: Vfs, path: string): Promise<Uint8Array | undefined> {
  if ((await vfs.find(path, OPERATION)) === undefined) return undefined;
  const file = await vfs.open(path, OPERATION);
  const { size } = file.stat;
  if (size > MAX_LOADER) throw new LimitExceededError({ limit: `size of ${path}`, value: size, max: MAX_LOADER });
  return file.read(0, size);
}
