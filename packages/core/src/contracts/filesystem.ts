import type { Availability } from './backend.js';
import type { BlockDevice } from './block.js';
import type { BlockCodecs } from './codecs.js';
import type { GuestLink } from './guest-link.js';
import type { Closable, IoOptions, ProgressSink, WarningSink } from './io.js';

/** A point in time since the epoch, UTC. `sec` may be negative; `nsec` is 0..999 999 999. */
export interface Timestamp {
  readonly sec: number;
  readonly nsec: number;
}

/** File type bits of `mode`, POSIX `<sys/stat.h>`. */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;

/** One letter per file type, as guestfs `readdir` gives `ftyp`. */
export type FileType = 'b' | 'c' | 'd' | 'f' | 'l' | 'r' | 's' | 'u';

/** A file, directory or other object of a file system. Opaque to callers; drivers keep their own state in it. */
export interface FsNode {
  /** Inode number, or a stable stand-in where the format has none. A safe integer, unique in its file system. */
  readonly ino: number;
}

/** What stat(2) gives. */
export interface FsStat {
  readonly ino: number;
  /** Type and permission bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Device number of a device node, else zeros. */
  readonly rdev: { readonly major: number; readonly minor: number };
  /** Bytes; the length of the target for a symbolic link. */
  readonly size: number;
  /** Allocated space in units of 512 bytes. */
  readonly blocks: number;
  /** Preferred I/O size in bytes. */
  readonly blockSize: number;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  readonly ctime: Timestamp;
  /** Creation time where the format keeps one. */
  readonly btime?: Timestamp;
}

/** One name in a directory. `.` and `..` are never listed. */
export interface DirEntry {
  /** See `decodeFileName` for names that are not UTF-8. */
  readonly name: string;
  readonly node: FsNode;
  /** Type if the directory records it, else `u`. */
  readonly type: FileType;
}

/** What statvfs(3) gives. */
export interface FsStatvfs {
  readonly blockSize: number;
  readonly fragmentSize: number;
  /** Counts of fragments. */
  readonly blocks: number;
  readonly blocksFree: number;
  /** Free for ordinary users. */
  readonly blocksAvailable: number;
  readonly files: number;
  readonly filesFree: number;
  /** A number made from the UUID or serial; 0 when there is none. */
  readonly fsid: bigint;
  readonly nameMax: number;
}

/** What a probe found. */
export interface FsSignature {
  /** Type as blkid names it: `ext4`, `vfat`, `exfat`, `ntfs`. */
  readonly type: string;
  readonly label?: string;
  /** As blkid prints it: lower-case dashed, `ABCD-1234` for FAT. */
  readonly uuid?: string;
  readonly version?: string;
  /** Size of the file system in bytes when its superblock says. */
  readonly size?: number;
}

/** Identity of an opened file system. */
export interface FsIdentity extends FsSignature {
  readonly driver: string;
}

/** Optional abilities of a file system; `supports(fs, ability)` narrows the type. */
export type FsAbility = keyof FsAbilities;

/** Which interface each ability stands for. */
export interface FsAbilities {
  readonly write: WritableFs;
  readonly xattr: XattrFs;
  readonly sparse: SparseFs;
  readonly trim: TrimFs;
  readonly label: LabelFs;
  readonly flags: InodeFlagsFs;
  readonly tune: TunableFs;
  readonly resize: ResizableFs;
  readonly subvolumes: SubvolumesFs;
}

/** A file system opened for reading. Works on nodes, never on paths: links and mounts belong to the VFS above. */
export interface FileSystem extends Closable {
  readonly identity: FsIdentity;
  readonly device: BlockDevice;
  readonly readonly: boolean;
  /** Names compare without regard to case (FAT, exFAT). ext4 casefold directories answer by lookup alone. */
  readonly caseInsensitive: boolean;
  /** Abilities this opened file system really has; all of its methods work. */
  readonly abilities: ReadonlySet<FsAbility>;
  readonly root: FsNode;
  /** Its `read` keeps no memory that it was lent ({@link IoOptions.into}); otherwise none is. */
  readonly takesBuffers?: boolean;
  /** Undefined when there is no such name. `.` and `..` are not looked up here. @throws FsError ENOTDIR */
  lookup(dir: FsNode, name: string): Promise<FsNode | undefined>;
  /** The object with a number, whatever its name: where the numbers are the format's own. @throws FsError ENOENT; CorruptImageError */
  nodeOf?(ino: number): Promise<FsNode>;
  stat(node: FsNode): Promise<FsStat>;
  /** @throws FsError ENOTDIR */
  readdir(dir: FsNode, options?: IoOptions): AsyncIterable<DirEntry>;
  /** Up to `length` bytes; fewer only at the end of the file. Holes read as zeros. @throws FsError EISDIR, EINVAL */
  read(node: FsNode, offset: number, length: number, options?: IoOptions): Promise<Uint8Array>;
  /** The target of a symbolic link. @throws FsError EINVAL */
  readlink(node: FsNode): Promise<string>;
  statfs(): Promise<FsStatvfs>;
}

/** What a new object gets. `mode` has type and permission bits. */
export interface NewNode {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Of a device node. */
  readonly rdev?: { readonly major: number; readonly minor: number };
  /** Of a symbolic link. */
  readonly target?: string;
}

/** Attributes to change; those left out stay. `mode` has permission bits only. */
export interface SetAttributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly atime?: Timestamp;
  readonly mtime?: Timestamp;
  readonly ctime?: Timestamp;
  readonly btime?: Timestamp;
}

/** Ability `write`. Every call leaves the file system consistent on the device; ctime and mtime follow POSIX. */
export interface WritableFs {
  /** @throws FsError EEXIST, ENOSPC, ENAMETOOLONG, ENOTSUP (a type the format cannot keep) */
  create(dir: FsNode, name: string, attributes: NewNode): Promise<FsNode>;
  /** Hard link. @throws FsError EEXIST, EMLINK, EPERM (a directory, or a format without links) */
  link(node: FsNode, dir: FsNode, name: string): Promise<void>;
  /** Remove a name that is not a directory; the last one frees the object. @throws FsError ENOENT, EISDIR */
  unlink(dir: FsNode, name: string): Promise<void>;
  /** @throws FsError ENOTEMPTY, ENOTDIR, ENOENT */
  rmdir(dir: FsNode, name: string): Promise<void>;
  /** rename(2): replaces an existing target of the same kind. @throws FsError EINVAL (into itself), ENOTEMPTY, EISDIR, ENOTDIR */
  rename(fromDir: FsNode, fromName: string, toDir: FsNode, toName: string): Promise<void>;
  /** All of `data` at `offset` bytes, extending the file where needed. @throws FsError ENOSPC, EFBIG, EISDIR */
  write(node: FsNode, offset: number, data: Uint8Array, options?: IoOptions): Promise<void>;
  /** Set the size in bytes; growing leaves a hole where the format can. */
  truncate(node: FsNode, size: number): Promise<void>;
  setattr(node: FsNode, attributes: SetAttributes): Promise<void>;
  /** Write everything held back to the device, and flush it. */
  sync(): Promise<void>;
}

/** Ability `xattr`. Names have their namespace (`user.x`, `security.selinux`, `system.posix_acl_access`); values are what getxattr(2) gives on Linux. */
export interface XattrFs {
  listXattr(node: FsNode): Promise<readonly string[]>;
  /** Undefined when there is no such attribute. */
  getXattr(node: FsNode, name: string): Promise<Uint8Array | undefined>;
  /** @throws FsError ENOSPC, ENOTSUP, EROFS */
  setXattr(node: FsNode, name: string, value: Uint8Array): Promise<void>;
  /** @throws FsError ENODATA */
  removeXattr(node: FsNode, name: string): Promise<void>;
}

/** One run of a file. */
export interface FileExtent {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'data' | 'hole' | 'unwritten';
}

/** Ability `sparse`. `punchHole` and `allocate` need a writable file system too. */
export interface SparseFs {
  /** Runs covering the file in order, without gaps. */
  extents(node: FsNode): AsyncIterable<FileExtent>;
  /** Make a range of the file read as zeros and free its blocks. */
  punchHole(node: FsNode, offset: number, length: number): Promise<void>;
  /** fallocate(2): reserve space; the range reads as zeros where nothing was. Grows the file. */
  allocate(node: FsNode, offset: number, length: number): Promise<void>;
}

/** Ability `trim`: knows its free space on the device. */
export interface TrimFs {
  /** Free runs on the device in bytes, in order. */
  freeExtents(): AsyncIterable<{ readonly offset: number; readonly length: number }>;
}

/** Ability `label`. */
export interface LabelFs {
  /** @throws FsError EINVAL (too long, or characters the format forbids) */
  setLabel(label: string): Promise<void>;
  /** `uuid` as {@link FsSignature.uuid} prints it. */
  setUuid(uuid: string): Promise<void>;
}

/** Ability `flags`: inode flags as chattr(1) has them (`FS_*_FL` bits) and the inode generation. */
export interface InodeFlagsFs {
  getFlags(node: FsNode): Promise<number>;
  setFlags(node: FsNode, flags: number): Promise<void>;
  getGeneration(node: FsNode): Promise<number>;
  setGeneration(node: FsNode, generation: number): Promise<void>;
}

/** Ability `tune`: facts and settings of the superblock, as tune2fs(8) knows them. */
export interface TunableFs {
  /** Name and value of each fact, in the order and words of `tune2fs -l`. */
  describe(): Promise<ReadonlyMap<string, string>>;
  /** Settings by the option names of guestfs `tune2fs`. @throws FsError EINVAL */
  tune(settings: Readonly<Record<string, string | number | boolean>>): Promise<void>;
}

/** Ability `resize`. Sizes are bytes. */
export interface ResizableFs {
  minimumSize(): Promise<number>;
  resize(size: number): Promise<void>;
}

/** A subvolume as `btrfs subvolume list` and `show` describe it. */
export interface SubvolumeFacts {
  readonly id: number;
  /** Id of the subvolume in which it lies. */
  readonly parentId: number;
  /** From the top of the file system, without a leading slash. */
  readonly path: string;
  /** Transaction of its last change, and of its creation. */
  readonly generation: number;
  readonly originalGeneration: number;
  readonly uuid: string | undefined;
  /** UUID of the subvolume that it is a snapshot of. */
  readonly parentUuid: string | undefined;
  readonly receivedUuid: string | undefined;
  /** Seconds since the epoch. */
  readonly created: number | undefined;
  /** Transactions in which it was sent and received, 0 when it was not, and seconds since the epoch. */
  readonly sentGeneration: number;
  readonly sent: number | undefined;
  readonly receivedGeneration: number;
  readonly received: number | undefined;
  readonly isReadOnly: boolean;
}

/** A quota group. Sizes are bytes. */
export interface QuotaGroup {
  /** `LEVEL/ID`; those of level 0 are of the subvolume with that id. */
  readonly id: string;
  readonly referenced: number;
  readonly exclusive: number;
  readonly maxReferenced: number | undefined;
  readonly maxExclusive: number | undefined;
}

/** A device of a file system over several. */
export interface FsMember {
  readonly id: number;
  readonly uuid: string;
  /** Undefined when it is missing. */
  readonly device: BlockDevice | undefined;
}

/** Ability `subvolumes`: holds several trees, of which one is opened. */
export interface SubvolumesFs {
  /** All but the top one, by id. @throws CorruptImageError */
  subvolumes(): Promise<readonly SubvolumeFacts[]>;
  /** Id of the one that is opened when none is named. */
  defaultSubvolume(): Promise<number>;
  /** The one that a node is in, the top one included, and whether the node is its root. @throws CorruptImageError */
  subvolumeOf(node: FsNode): Promise<{ readonly subvolume: SubvolumeFacts; readonly isRoot: boolean }>;
  /** Quota groups, by level and id; undefined when there are no quotas. @throws CorruptImageError */
  quotaGroups(): Promise<readonly QuotaGroup[] | undefined>;
  /** Whether a balance was begun and not finished. */
  hasPausedBalance(): Promise<boolean>;
  /** The devices that it lies on, by id. */
  members(): readonly FsMember[];
}

/** How to open a file system. */
export interface FsOpenOptions {
  readonly readonly: boolean;
  readonly warn?: WarningSink;
  /** Driver options as in mount(8) `-o`; unknown ones are ignored with a warning. */
  readonly mountOptions?: readonly string[];
  readonly limits?: Partial<FsLimits>;
  /** Undefined where the host has none: drivers bring their own, slower ones. */
  readonly codecs?: BlockCodecs;
  /** The guest that the device belongs to, for drivers that let something else work on it; undefined for a device on its own. */
  readonly guest?: GuestLink;
  /** Name of the device in that guest. */
  readonly deviceName?: string;
  /** Other devices whose signature has the same type and UUID: those of a file system that lies on several. */
  readonly peers?: () => Promise<readonly BlockDevice[]>;
  /**
   * All other devices of the guest, for parts of a file system that do not carry its UUID: an external log, a realtime section, a seed. A
   * driver takes only what says itself that it belongs, or what a mount option names.
   */
  readonly others?: () => Promise<readonly NamedDevice[]>;
  /** Type as blkid names it, where something else has told already. */
  readonly type?: string;
}

/** A device of a guest, and its name there. */
export interface NamedDevice {
  readonly name: string;
  readonly device: BlockDevice;
}

/** Guards against hostile images. */
export interface FsLimits {
  /** Entries a directory may have. */
  readonly maxDirEntries: number;
  /** Extents or clusters one file may have. */
  readonly maxExtents: number;
}

/** How to make a file system. */
export interface FormatOptions {
  readonly label?: string;
  readonly uuid?: string;
  /** Bytes. */
  readonly blockSize?: number;
  readonly inodeSize?: number;
  readonly sectorSize?: number;
  /** As mke2fs `-O`. */
  readonly features?: readonly string[];
  /** More options by their guestfs name. */
  readonly extra?: Readonly<Record<string, string | number | boolean>>;
  readonly progress?: ProgressSink;
  /** Fixed time and random bytes make the result reproducible. */
  readonly now?: Timestamp;
}

/** One thing a check found. */
export interface CheckFinding {
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** Result of a check. */
export interface CheckReport {
  readonly clean: boolean;
  readonly findings: readonly CheckFinding[];
}

/** A family of file systems: probe, open, make. */
export interface FsDriver {
  readonly name: string;
  /** Whether this driver can run here, and open `type`; cheap. Drivers that need nothing of the host have no such method. */
  available?(type?: string, readonly?: boolean): Promise<Availability>;
  /** Undefined when it is none of this driver's. Reads a bounded window, never writes, never throws for foreign bytes. */
  probe(device: BlockDevice): Promise<FsSignature | undefined>;
  /** @throws CorruptImageError, UnsupportedFeatureError, CapabilityError */
  open(device: BlockDevice, options: FsOpenOptions): Promise<FileSystem>;
  /** Make an empty file system of `type` (one of the names that the descriptor lists). */
  format?(device: BlockDevice, type: string, options: FormatOptions): Promise<void>;
  check?(device: BlockDevice): Promise<CheckReport>;
}

/** Whether `fs` has `ability`, narrowing its type. */
export function supports<A extends FsAbility>(fs: FileSystem, ability: A): fs is FileSystem & FsAbilities[A] {
  return fs.abilities.has(ability);
}
