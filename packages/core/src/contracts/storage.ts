import type { BlockDevice } from './block.js';
import type { Ciphers, SectorCipher } from './ciphers.js';
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
  /** Other names it goes by: `/dev/md/data`. A device of that name comes first. */
  readonly aliases?: readonly string[];
  /** Those of the members it lies on; all that were given unless told. */
  readonly members?: readonly Member[];
  /** It is a piece of another volume, such as a leg of a mirror: it can be read under its name, and what lies on it is not looked for. */
  readonly isPiece?: boolean;
}

/** Asks for secrets. `selectors` are names under which the caller may have given one: device name, UUID. */
export interface KeyStore {
  /** All secrets worth trying, best first; empty when there is none. */
  keysFor(selectors: readonly string[]): Promise<readonly Uint8Array[]>;
}

/** What an activator works with. */
export interface StorageContext {
  readonly keys: KeyStore;
  readonly warn: WarningSink;
  readonly ciphers?: Ciphers;
}

/** How one container is opened by hand. */
export interface OpenContainerRequest {
  /** For messages and selectors: `/dev/sda2`. */
  readonly deviceName: string;
  /** The passphrase, or the bytes of a key file. */
  readonly key: Uint8Array;
  /** Name of the volume that comes up: `/dev/mapper/NAME`. */
  readonly volumeName: string;
  readonly readonly: boolean;
  /** Where the header is, when it is not on the device itself. */
  readonly header?: BlockDevice;
}

/** How a container is made. */
export interface FormatContainerRequest {
  readonly key: Uint8Array;
  /** Slot for the key. */
  readonly slot: number;
  /** Version of the format; the newest unless given. */
  readonly version?: 1 | 2;
  /** As dm-crypt writes it: `aes-xts-plain64`. */
  readonly cipher?: string;
  readonly uuid?: string;
  readonly label?: string;
  /** More options of the format, by its own names. */
  readonly extra?: Readonly<Record<string, string | number | boolean>>;
  /** Random bytes of the host. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** How a slot is filled or emptied. `slot` -1 means the first free one. */
export interface SlotRequest {
  readonly deviceName: string;
  /** A key that opens the container. */
  readonly key: Uint8Array;
  readonly slot: number;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Role of an activator: its members are containers that a key opens. */
export interface ContainerTools {
  /** Types handled, as blkid names them: `crypto_LUKS`. */
  readonly types: readonly string[];
  /** @throws CredentialError (`VMC_KEY_WRONG`), CorruptImageError, UnsupportedFeatureError */
  open(device: BlockDevice, request: OpenContainerRequest, context: StorageContext): Promise<Volume>;
  /** Make a container. What the device held is lost. */
  format?(device: BlockDevice, request: FormatContainerRequest, context: StorageContext): Promise<void>;
  addKey?(
    device: BlockDevice,
    request: SlotRequest & { readonly newKey: Uint8Array },
    context: StorageContext,
  ): Promise<void>;
  /** Put another key in the place of `key`, in its slot. */
  changeKey?(
    device: BlockDevice,
    request: SlotRequest & { readonly newKey: Uint8Array },
    context: StorageContext,
  ): Promise<void>;
  /** Empty a slot; `key` must open another one. */
  killSlot?(device: BlockDevice, request: SlotRequest, context: StorageContext): Promise<void>;
  /**
   * The cipher of a payload that is kept somewhere else than behind its header, as in encrypted qcow2 images.
   * @param header the header and its key slots alone
   * @throws CredentialError, CorruptImageError, UnsupportedFeatureError
   */
  payloadCipher?(header: BlockDevice, selectors: readonly string[], context: StorageContext): Promise<SectorCipher>;
  /** A cipher as dm-crypt names it, with its key given: for formats that have no header. */
  plainCipher?(cipher: string, key: Uint8Array, context: StorageContext): Promise<SectorCipher>;
}

/** Finds and assembles volumes made from other devices. */
export interface StorageActivator {
  readonly name: string;
  /**
   * Types of its members as blkid names them, where every member shows one of these or no signature at all. Devices with another
   * signature are not asked then; without this, all are.
   */
  readonly memberTypes?: readonly string[];
  /** Its members may have a partition table of their own; other activators are not asked about such devices. */
  readonly claimsPartitioned?: boolean;
  /** Undefined when the device is none of this activator's. Reads a bounded window. */
  probe(device: BlockDevice): Promise<Member | undefined>;
  /** Bring up what the members hold. Called again when more members appear. */
  activate(members: readonly Member[], context: StorageContext): Promise<readonly Volume[]>;
  /** Of activators whose members are encrypted containers. */
  readonly containers?: ContainerTools;
}
