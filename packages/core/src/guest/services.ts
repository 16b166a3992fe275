import type { IoMetrics } from '../block/index.js';
import type {
  BlockDevice,
  BlockSession,
  CreateSpec,
  DriveSpec,
  FileSystem,
  FsDriver,
  FsSignature,
  GuestLink,
  HostPlatform,
  KeyStore,
  NamedDevice,
  OsInspector,
  ProviderChoice,
  StorageActivator,
  TreeRunner,
  WarningSink,
} from '../contracts/index.js';

/** How a file system is wanted. */
export interface FilesystemRequest {
  readonly device: BlockDevice;
  /** For messages: `/dev/sda1`. */
  readonly deviceName: string;
  /** Type as blkid names it; undefined when it is not recognised. */
  readonly type: string | undefined;
  readonly readonly: boolean;
  readonly mountOptions: readonly string[];
  /** The guest that the device belongs to. */
  readonly guest?: GuestLink;
  /** Other devices of the guest with the same type and UUID. */
  readonly peers?: () => Promise<readonly BlockDevice[]>;
  /** All other devices of the guest. */
  readonly others?: () => Promise<readonly NamedDevice[]>;
  /** Name of the only driver to consider. */
  readonly driver?: string;
}

/** All writes of the session to host files, held back until they are committed. */
export interface SessionTransaction {
  /** Whether there is anything to commit. */
  readonly dirty: boolean;
  /** Make everything written so far durable, all or nothing. */
  commit(): Promise<void>;
  /** Drop everything written since the last commit. Opened images must not be used afterwards. */
  rollback(): Promise<void>;
}

/** Which kinds of file system a driver handles here, for `filesystem_available` and listings. */
export interface FilesystemSupport {
  readonly driver: string;
  readonly read: boolean;
  readonly write: boolean;
  readonly format: boolean;
  /** Whether it is quick enough to look into file systems unasked: not so for an appliance, unless the caller wants it. */
  readonly prompt: boolean;
}

/** What a session gets from outside: providers by capability, and the host. The runtime makes one per opened guest. */
export interface SessionServices {
  readonly platform: HostPlatform;
  readonly metrics: IoMetrics;
  readonly transaction: SessionTransaction;
  /** Told of every choice among providers. */
  onChoice?: (choice: ProviderChoice) => void;
  /** Open a drive with the best backend. @throws NoProviderError, HostError, LockedError, CorruptImageError … */
  openDrive(drive: DriveSpec, warn: WarningSink, keys?: KeyStore): Promise<BlockSession>;
  /** Make an image file. @throws NoProviderError */
  createImage(spec: CreateSpec, warn: WarningSink): Promise<void>;
  /** A drive of `size` zero bytes that is gone when the session ends. */
  openScratch(size: number, blockSize: 512 | 4096 | undefined): Promise<BlockSession>;
  /** Open a file system with the best driver. @throws NoProviderError, CorruptImageError, UnsupportedFeatureError … */
  openFilesystem(request: FilesystemRequest, warn: WarningSink): Promise<FileSystem>;
  /** What can run programs over file systems mounted for it. @throws NoProviderError */
  treeRunner?(): Promise<TreeRunner>;
  /** What the drivers say of a device whose type no signature told. */
  probeFilesystem(device: BlockDevice): Promise<FsSignature | undefined>;
  /** The driver for an ability on a type. @throws NoProviderError */
  driverFor(type: string, ability: 'format' | 'check'): Promise<FsDriver>;
  /** Best support for a type; undefined when no driver knows it. Loads nothing. */
  filesystemSupport(type: string): FilesystemSupport | undefined;
  /** Whether some driver that works on this host knows a type. */
  filesystemAvailable?(type: string): Promise<boolean>;
  /** All file-system types that some driver knows. Loads nothing. */
  filesystemTypes(): readonly string[];
  /** Types of members that some storage plugin handles, as blkid names them. Loads nothing. */
  memberTypes?(): readonly string[];
  storageActivators(): Promise<readonly StorageActivator[]>;
  /** The same for discovery alone: each is loaded when a device may be one of its members. */
  deferredActivators?(): readonly StorageActivator[];
  inspectors(): Promise<readonly OsInspector[]>;
  /** Release what the services hold. */
  close(): Promise<void>;
}
