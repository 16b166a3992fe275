/**
 * Images through a private `qemu-nbd` process (anything that qemu opens), and exports of NBD servers.
 *
 * @example
 * ```ts
 * import { NbdClient, parseNbdUri } from '@vmcraft/backend-nbd';
 *
 * const client = await NbdClient.connect(parseNbdUri('nbd://localhost/export'));
 * console.log(client.info.size, await client.read(0, 512));
 * await client.close();
 * ```
 *
 * @packageDocumentation
 */
export { NbdBackend } from './backend.js';
export { type AllocationRun, type NbdAddress, NbdClient } from './client.js';
export { NbdDevice } from './device.js';
export type { Negotiated } from './handshake.js';
export { plugin } from './plugin.js';
export type { NbdExport } from './server/export.js';
export { type NbdListen, type NbdServeOptions, type NbdServer, serveNbd } from './server/server.js';
export { NBD_SCHEMES, parseNbdUri } from './uri.js';
