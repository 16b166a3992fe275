import type { HostFiles } from '../contracts/index.js';
import type { SessionTransaction } from '../guest/index.js';
import { NodeHostFiles } from './node-host-files.js';
import type { OpenGuestOptions } from './open-guest.js';

/** The host files of one guest, inside and outside its transaction. */
export interface GuestStorage {
  /** Changes are held back until the transaction commits. */
  readonly transactional: HostFiles;
  /** Changes are made at once: drives with `transaction: false`, and new images. */
  readonly direct: HostFiles;
  readonly transaction: SessionTransaction;
  close(): Promise<void>;
}

/** The host files for a guest on this host. */
export function openGuestStorage(options: OpenGuestOptions): GuestStorage {
  const { allowReferences } = options;
  const direct = new NodeHostFiles(allowReferences === undefined ? {} : { allowReferences });
  return {
    transactional: direct,
    direct,
    transaction: { dirty: false, commit: async () => undefined, rollback: async () => undefined },
    close: async () => undefined,
  };
}
