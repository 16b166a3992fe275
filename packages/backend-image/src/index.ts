/**
 * Disk image formats in-process: raw, qcow2, VMDK, VHD, VHDX and VDI as block devices.
 *
 * @example
 * import { imageBackend } from '@vmcraft/backend-image';
 *
 * const session = await imageBackend.open({ path: 'disk.qcow2', readonly: true }, { files, warn: console.warn });
 * const bootSector = await session.device.read(0, 512);
 * await session.close();
 *
 * @packageDocumentation
 */
export { imageBackend } from './backend.js';
export { type ChainContext, type ImageRequest, openImage } from './chain.js';
export { detectFormat } from './detect.js';
export { plugin } from './plugin.js';
