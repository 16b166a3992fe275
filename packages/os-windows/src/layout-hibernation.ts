import { latin1, struct } from '@vmcraft/core/binary';

/** Head of hiberfil.sys: PO_MEMORY_IMAGE begins with its signature (ntfs-3g and the Windows debugger's symbols agree). */
export const MemoryImage = struct('PO_MEMORY_IMAGE', 4, { signature: [0, latin1(4)] });
