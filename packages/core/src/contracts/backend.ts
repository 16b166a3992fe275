import type { BlockDevice } from './block.js';
import type { SectorCipher } from './ciphers.js';
import type { CommandRunner } from './command.js';
import type { FsDriver } from './filesystem.js';
import type { HostFiles } from './host.js';
import type { Closable, WarningSink } from './io.js';

/** What the caller said about one drive (guestfs `add_drive`). Exactly one of `path` and `uri` is given. */
export interface DriveSpec {
  /** A file or block device of the host. */
  readonly path?: string;
  /** A remote image: `nbd://host:port/export`, `nbd+unix:///export?socket=…`, `ssh://user@host/path` … It never holds a password. */
  readonly uri?: string;
  /** Password for the server of `uri`; never shown, logged or put on a command line. */
  readonly secret?: string;
  /** Image format as qemu names it (`raw`, `qcow2`, `vmdk`, `vpc`, `vhdx`, `vdi`); undefined means detect. */
  readonly format?: string;
  /** Nobody said the format: it was found by looking at the bytes. */
  readonly guessed?: boolean;
  readonly readonly: boolean;
  /** Internal snapshot to open (qcow2), by name or id; implies readonly. */
  readonly snapshot?: string;
  /** guestfs `label` of the drive: also reachable as `/dev/disk/guestfs/LABEL`. */
  readonly label?: string;
  /** Whether discards reach the image. */
  readonly discard?: 'disable' | 'enable' | 'besteffort';
  /** Sector size shown to the guest, 512 or 4096 bytes. */
  readonly blockSize?: 512 | 4096;
  /** Write straight through instead of in a transaction. */
  readonly transaction?: boolean;
  /** Open for writing although another process holds the image. */
  readonly force?: boolean;
}

/** Finds the cipher of an encrypted image, with the session's keys and whatever plugin can decrypt. */
export interface PayloadDecryptor {
  /**
   * @param header the LUKS header and key slots that the image holds
   * @param image host path: the name under which a key may have been given
   * @throws CredentialError, NoProviderError, CorruptImageError, UnsupportedFeatureError
   */
  luksCipher(header: BlockDevice, image: string): Promise<SectorCipher>;
  /**
   * A cipher whose key is made of the passphrase alone, so that a wrong one is not noticed.
   * @param cipher as dm-crypt names it
   * @throws CredentialError when there is no key, NoProviderError
   */
  plainCipher(cipher: string, image: string, keyOf: (passphrase: Uint8Array) => Uint8Array): Promise<SectorCipher>;
}

/** What a backend is handed to work with. */
export interface BackendContext {
  readonly files: HostFiles;
  readonly warn: WarningSink;
  /** For images that are encrypted; undefined where there are no keys. */
  readonly decryptor?: PayloadDecryptor;
  readonly signal?: AbortSignal;
}

/** Whether a provider can run on this host, and if not, what to do about it. */
export type Availability =
  | { readonly available: true; readonly detail?: string }
  | { readonly available: false; readonly reason: string; readonly remedy?: string };

/** Static facts of an opened image, for `vmcraft inspect --verbose` and tests. */
export interface ImageInfo {
  /** Format as qemu names it. */
  readonly format: string;
  /** Bytes. */
  readonly virtualSize: number;
  /** Host path of the backing file, if any. */
  readonly backingFile?: string;
  /** Format-specific facts: cluster size, compat level, subformat … */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** One opened drive. */
export interface BlockSession extends Closable {
  readonly device: BlockDevice;
  readonly info: ImageInfo;
  /**
   * Host path of the image when writes reach it through another program, past `BackendContext.files`: the session then puts a
   * transaction of its own over the device.
   */
  readonly writesPast?: string | undefined;
  /** File-system drivers that work only on this session's device. */
  readonly fsDrivers?: readonly FsDriver[];
  readonly commandRunner?: CommandRunner;
}

/** What to create: an empty image. */
export interface CreateSpec {
  readonly path: string;
  readonly format: string;
  /** Virtual size in bytes. */
  readonly size: number;
  readonly backingFile?: string;
  readonly backingFormat?: string;
  /** Format options as qemu-img names them: `compat`, `cluster_size`, `preallocation`, … */
  readonly options?: Readonly<Record<string, string>>;
}

/** Turns a drive specification into a block device. */
export interface BlockBackend {
  readonly name: string;
  /** Whether this backend can run here; cheap. */
  available(): Promise<Availability>;
  /**
   * The format of what lies at the drive, or undefined when it is not one of this backend's. Reads a bounded window, writes nothing.
   */
  probe(drive: DriveSpec, context: BackendContext): Promise<string | undefined>;
  /** @throws CorruptImageError, UnsupportedFeatureError, HostError, LockedError, CapabilityError */
  open(drive: DriveSpec, context: BackendContext): Promise<BlockSession>;
  /**
   * The backing file that an image of the host names, as it is written there; undefined when it has none, or is no image. Reads a bounded
   * part. With it, writing an image that others are built on is refused.
   */
  backingNameOf?(path: string, context: BackendContext): Promise<string | undefined>;
  /** Make an empty image. */
  create?(spec: CreateSpec, context: BackendContext): Promise<void>;
}
