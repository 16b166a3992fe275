import type { BlockDevice } from './block.js';
import type { WarningSink } from './io.js';

/** A device that belongs to a storage stack: a physical volume, a LUKS container, an md member. */
export interface Member {
  /** Type as blkid names it: `LVM2_member`, `crypto_LUKS`, `linux_raid_member`. */
  readonly type: string;
  /** What the members of one volume share: the VG's or array's UUID, or the container's own. */
  readonly groupId: string;
  readonly uuid: string;
  readonly label?: string;
  /** Device name as the session knows it, `/dev/sda2`. Filled in by the discovery loop. */
  readonly deviceName?: string;
  readonly device: BlockDevice;
}

/** A device that activation brought up. */
export interface Volume {
  /** Device name: `/dev/vg/root`, `/dev/mapper/luks-…`, `/dev/md0`. */
  readonly name: string;
  readonly kind: string;
  readonly uuid?: string;
  readonly label?: string;
  readonly device: BlockDevice;
}

/** Asks for secrets. `selectors` are names under which the caller may have given one: device name, UUID. */
export interface KeyStore {
  /** All secrets worth trying, best first; empty when there is none. */
  keysFor(selectors: readonly string[]): Promise<readonly Uint8Array[]>;
}

/** Finds and assembles volumes made from other devices. */
export interface StorageActivator {
  readonly name: string;
  /** Undefined when the device is none of this activator's. Reads a bounded window. */
  probe(device: BlockDevice): Promise<Member | undefined>;
  /** Bring up what the members hold. Called again when more members appear. */
  activate(
    members: readonly Member[],
    context: { readonly keys: KeyStore; readonly warn: WarningSink },
  ): Promise<readonly Volume[]>;
}
