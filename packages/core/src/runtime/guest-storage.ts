import { TransactionalFiles } from '../block/index.js';
import type { BlockSession, DriveSpec, HostFiles, WarningSink } from '../contracts/index.js';
import type { SessionTransaction } from '../guest/index.js';
import { HeldSession } from './held-session.js';
import { NodeHostFiles } from './node-host-files.js';
import type { OpenGuestOptions } from './open-guest.js';

/** The host files of one guest, inside and outside its transaction. */
export interface GuestStorage {
  /** Changes are held back until the transaction commits. */
  readonly transactional: HostFiles;
  /** Changes are made at once: drives with `transaction: false`, and new images. */
  readonly direct: HostFiles;
  readonly transaction: SessionTransaction;
  readonly host: NodeHostFiles;
  /** Hold back the writes of a drive that another program writes; gives the session back as it is where that is not so. */
  hold(session: BlockSession, drive: DriveSpec): Promise<BlockSession>;
  close(): Promise<void>;
}

/** The host files for a guest on this host. */
export function openGuestStorage(options: OpenGuestOptions, warn: WarningSink): GuestStorage {
  const { allowReferences, journalFolder, dryRun, memoryLimit } = options;
  const host = new NodeHostFiles(allowReferences === undefined ? {} : { allowReferences });
  const shared = {
    warn,
    ...(dryRun === undefined ? {} : { dryRun }),
    ...(journalFolder === undefined ? {} : { journalFolder }),
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
  };
  const transactional = new TransactionalFiles(host, shared);
  const direct = new TransactionalFiles(host, { ...shared, writeThrough: true });
  const held: HeldSession[] = [];
  return {
    host,
    hold: async (session, drive) => {
      const isElsewhere = session.writesPast !== undefined || drive.uri !== undefined;
      const isDirect = drive.transaction === false && dryRun !== true;
      if (!isElsewhere || isDirect || !session.device.writable) return session;
      const holding = await HeldSession.open(session, session.writesPast, drive.uri ?? drive.path ?? '', host, shared);
      held.push(holding);
      return holding;
    },
    transactional,
    direct,
    transaction: {
      get dirty() {
        return transactional.isDirty;
      },
      commit: async () => {
        await transactional.commit();
        for (const session of held) await session.commit();
      },
      rollback: async () => {
        for (const session of held) await session.rollback();
        await transactional.rollback();
      },
    },
    close: async () => {
      await transactional.close();
      await direct.close();
    },
  };
}
