/**
 * LUKS1 and LUKS2 containers for VMCraft: opened, made and re-keyed in this process, without device-mapper.
 *
 * @example
 * ```ts
 * import { GuestFS } from 'vmcraft';
 *
 * await using g = await GuestFS.open('disk.qcow2', { keys: { '/dev/sda2': 'passphrase' } });
 * await g.mountRoot();
 * ```
 * @packageDocumentation
 */
export { luksActivator, MEMBER_TYPE } from './activator.js';
export { makeSectorCipher, type SectorCipherOptions } from './cipher/sector-cipher.js';
export { DEFAULT_LIMITS, type LuksLimits } from './key/limits.js';
export { plugin } from './plugin.js';
