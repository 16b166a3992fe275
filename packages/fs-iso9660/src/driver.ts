import type { BlockDevice, FileSystem, FsDriver, FsOpenOptions, FsSignature } from '@vmcraft/core/contracts';
import { probeSignatures } from '@vmcraft/core/storage';
import { Hierarchy } from './hierarchy.js';
import { IsoFileSystem } from './iso-filesystem.js';
import { looksLikeIso, readVolume } from './volume.js';

const DRIVER = 'fs-iso9660';
/** mount(8), "Mount options for iso9660", as far as they matter here. */
const OPTIONS = { norock: 'norock', nojoliet: 'nojoliet', session: /^sbsector=(\d{1,10})$/ } as const;

/** Opens ISO 9660 volumes for reading. */
export const isoDriver: FsDriver = {
  name: DRIVER,

  async probe(device: BlockDevice): Promise<FsSignature | undefined> {
    if (!(await looksLikeIso(device))) return undefined;
    const { type, label, uuid, version } = (await probeSignatures(device)).find(
      (signature) => signature.type === 'iso9660',
    ) ?? { type: 'iso9660' };
    return {
      type,
      ...(label === undefined ? {} : { label }),
      ...(uuid === undefined ? {} : { uuid }),
      ...(version === undefined ? {} : { version }),
    };
  },

  async open(device: BlockDevice, options: FsOpenOptions): Promise<FileSystem> {
    const mountOptions = options.mountOptions ?? [];
    const session = mountOptions
      .map((option) => OPTIONS.session.exec(option)?.[1])
      .find((sector) => sector !== undefined);
    const volume = await readVolume(device, Number(session ?? 0));
    const hierarchy = await Hierarchy.open(device, volume, {
      rockRidge: !mountOptions.includes(OPTIONS.norock),
      joliet: !mountOptions.includes(OPTIONS.nojoliet),
    });
    const identity = { driver: DRIVER, type: 'iso9660', label: volume.label };
    return new IsoFileSystem(device, identity, volume, hierarchy, options.codecs);
  },
};
