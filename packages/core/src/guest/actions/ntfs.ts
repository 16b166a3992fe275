import { CapabilityError, CorruptImageError, isVmcraftError, UnsupportedFeatureError } from '../../errors/index.js';
import { arg, Bool, Device, defineAction } from '../action.js';
import { signatureOf } from '../block-facts.js';
import type { Session } from '../session.js';

/** Exit codes of ntfs-3g.probe(8). */
const Probe = { mountable: 0, readOnlyDevice: 11, notNtfs: 12, inconsistent: 13, hibernated: 14, other: 21 } as const;

/** Whether an NTFS volume could be mounted, in the words of ntfs-3g.probe(8). */
async function probe(g: Session, rw: boolean, name: string): Promise<number> {
  if ((await signatureOf(g, name))?.type !== 'ntfs') return Probe.notNtfs;
  if (rw && !g.device(name, 'ntfs_3g_probe').device.writable) return Probe.readOnlyDevice;
  try {
    return await g.withFilesystem(name, !rw, async (fs) => (rw && fs.readonly ? Probe.hibernated : Probe.mountable));
  } catch (error) {
    if (!isVmcraftError(error)) throw error;
    if (error instanceof CapabilityError) return Probe.readOnlyDevice;
    if (error instanceof CorruptImageError || error instanceof UnsupportedFeatureError) return Probe.inconsistent;
    return Probe.other;
  }
}

/** Functions that only NTFS has. */
export const ntfsActions = [
  defineAction({
    name: 'ntfs_3g_probe',
    theme: 'ntfs',
    group: 'ntfs3g',
    args: [arg('rw', Bool), arg('device', Device)],
    returns: 'RInt',
    doc: 'Whether an NTFS volume can be mounted (with `rw`, for writing): 0, or the exit code of ntfs-3g.probe(8) that says why not: 11 the device is read-only, 12 no NTFS, 13 damaged, 14 Windows is hibernated on it.',
    run: probe,
  }),
] as const;
