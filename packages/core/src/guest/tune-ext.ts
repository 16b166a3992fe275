import { alignDown } from '../binary/index.js';
import { type FileSystem, type FsAbilities, type FsAbility, supports } from '../contracts/index.js';
import { CapabilityError, FsError, UsageError } from '../errors/index.js';
import { signatureOf } from './block-facts.js';
import { checkFilesystem, describeFindings } from './check-filesystem.js';
import { changeDevice, isMounted } from './device-changes.js';
import { forFreeRuns, zeroRange } from './free-space.js';
import type { Session } from './session.js';

const KIB = 1024;
const EXT = /^ext[234]$/;

/** Work with an ability of an ext file system. @throws UsageError when it is another file system, CapabilityError */
async function withExt<A extends FsAbility, T>(
  g: Session,
  name: string,
  ability: A,
  readonly: boolean,
  work: (fs: FileSystem & FsAbilities[A]) => Promise<T>,
): Promise<T> {
  if (!readonly && !g.device(name).device.writable) throw CapabilityError.readOnly(name);
  return g.withFilesystem(name, readonly, async (fs) => {
    const { type } = fs.identity;
    if (!EXT.test(type)) throw new UsageError(`${name} holds ${type}, not ext2, ext3 or ext4`);
    if (!supports(fs, ability))
      throw new CapabilityError({ capability: ability, subject: `the file system on ${name}` });
    return work(fs);
  });
}

/** What `tune2fs -l` says. */
export function describeExt(g: Session, name: string): Promise<Record<string, string>> {
  return withExt(g, name, 'tune', true, async (fs) => Object.fromEntries(await fs.describe()));
}

type Settings = Readonly<Record<string, string | number | boolean | undefined>>;

/** Change settings by the option names of guestfs `tune2fs`. */
export async function tuneExt(g: Session, name: string, settings: Settings): Promise<void> {
  const { errorbehavior } = settings;
  if (errorbehavior !== undefined && !['continue', 'remount-ro', 'panic'].includes(String(errorbehavior))) {
    throw new UsageError(`invalid errorbehavior parameter: ${errorbehavior}`, { argument: 'errorbehavior' });
  }
  const given = Object.entries(settings).filter((entry): entry is [string, string | number | boolean] => {
    return entry[1] !== undefined;
  });
  for (const [option, value] of given) {
    if (typeof value === 'number' && value < 0) {
      throw new UsageError(`${option} cannot be negative`, { argument: option });
    }
  }
  await withExt(g, name, 'tune', false, (fs) => fs.tune(Object.fromEntries(given)));
  await g.storage.rescan(name);
}

/**
 * Resize an ext file system.
 * @param bytes; `minimum` for the least, `device` to fill the device
 * @throws UsageError when it is no whole number of KiB or larger than the device; FsError EBUSY when a mounted one is to shrink
 */
export async function resizeExt(
  g: Session,
  name: string,
  size: number | 'minimum' | 'device',
  action: string,
): Promise<void> {
  const room = g.device(name, action).device.size;
  if (typeof size === 'number') {
    if (size % KIB !== 0) throw new UsageError('size must be a round number of kilobytes', { argument: 'size' });
    if (size <= 0) throw new UsageError('size must be greater than 0', { argument: 'size' });
    if (size > room) throw new UsageError(`the device has ${room} bytes only`, { argument: 'size' });
  }
  await withExt(g, name, 'resize', false, async (fs) => {
    const wanted = size === 'minimum' ? await fs.minimumSize() : size === 'device' ? alignDown(room, KIB) : size;
    const { blocks, fragmentSize } = await fs.statfs();
    if (isMounted(g, name) && wanted < blocks * fragmentSize) {
      throw new FsError('EBUSY', { operation: action, path: name, reason: 'mounted file systems cannot shrink' });
    }
    await fs.resize(wanted);
  });
  g.opened.inspection = undefined;
  await g.storage.rescan(name);
}

/** How guestfs `e2fsck` is asked to check. */
export interface E2fsckOptions {
  readonly correct?: boolean | undefined;
  readonly forceall?: boolean | undefined;
  readonly forceno?: boolean | undefined;
}

/** @throws CapabilityError when there is damage, as nothing is repaired; FsError EBUSY when it is mounted */
export async function checkExt(g: Session, name: string, options: E2fsckOptions, action: string): Promise<void> {
  const given = (['correct', 'forceall', 'forceno'] as const).filter((option) => options[option] === true);
  if (given.length > 1) {
    throw new UsageError(`only one of the options ${given.map((o) => `'${o}'`).join(', ')} may be specified`);
  }
  const found = (await signatureOf(g, name))?.type;
  if (found === undefined || !EXT.test(found)) {
    throw new UsageError(`${name} holds ${found ?? 'nothing that is known'}, not ext2, ext3 or ext4`);
  }
  const request = { readonly: options.forceno === true, type: 'ext4' };
  const report = await checkFilesystem(g, name, request, action);
  if (report.clean) return;
  const capability = 'repair';
  const reason = `it has errors, which are not repaired: ${describeFindings(report)}`;
  throw new CapabilityError({ capability, subject: `the file system on ${name}`, reason });
}

/** Make all free blocks of an ext file system that is not mounted zeros. */
export async function zeroFreeExt(g: Session, name: string): Promise<void> {
  await changeDevice(g, name, 'zerofree', () =>
    withExt(g, name, 'trim', false, async (fs) => {
      await forFreeRuns(g, fs, 'zerofree', {}, (at, size) => zeroRange(g, fs.device, at, size));
    }),
  );
}
