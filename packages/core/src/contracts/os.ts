import type { FsStat } from './filesystem.js';

/** A regular file of a tree, opened for reading at any place. */
export interface TreeFile {
  /** Bytes. */
  readonly size: number;
  /** Up to `length` bytes at `offset`; fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Read access to one tree of files by path; symbolic links are followed inside the tree only. Never throws for a missing path. */
export interface FileTree {
  exists(path: string): Promise<boolean>;
  isFile(path: string): Promise<boolean>;
  isDir(path: string): Promise<boolean>;
  /** Following links; undefined when there is nothing. */
  stat(path: string): Promise<FsStat | undefined>;
  lstat(path: string): Promise<FsStat | undefined>;
  /** Names in a directory, sorted; empty when it is none. */
  list(path: string): Promise<readonly string[]>;
  readlink(path: string): Promise<string | undefined>;
  /** The first `limit` bytes (default 1 MiB) of a regular file; undefined when there is none. */
  read(path: string, limit?: number): Promise<Uint8Array | undefined>;
  /** As `read`, decoded as UTF-8 and split at line ends. */
  lines(path: string, limit?: number): Promise<readonly string[] | undefined>;
  /** A whole regular file in chunks, for files above the limit of `read`; empty when there is none. */
  stream(path: string): AsyncIterable<Uint8Array>;
  /** A regular file, to read parts of it; undefined when there is none. */
  open(path: string): Promise<TreeFile | undefined>;
}

/** A file system of the guest as the session sees it. */
export interface GuestFilesystem {
  /** Mountable: `/dev/sda2`, `/dev/vg/root`, `btrfsvol:/dev/sda2/home`. */
  readonly mountable: string;
  /** Type as blkid names it; `swap` and members included, `unknown` when not recognised. */
  readonly type: string;
  readonly label?: string;
  readonly uuid?: string;
  readonly partUuid?: string;
  readonly partLabel?: string;
  /** Identifier of the volume itself, as what made it tells: of a logical volume, an array, a volume of dynamic disks. */
  readonly volumeId?: string;
  /** False when no installed driver can open it. */
  readonly canMount: boolean;
  /** Where it lies, for systems that name it by its place; a volume made from one partition has that partition's. */
  readonly place?: DevicePlace;
}

/** The place of a partition. */
export interface DevicePlace {
  /** Device name of the disk. */
  readonly disk: string;
  /** Disk GUID (GPT) or signature in eight hex digits (MBR). */
  readonly diskId?: string;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  /** GUID of the partition (GPT), lower case. */
  readonly guid?: string;
}

/** The guest as an inspector sees it: its file systems, and trees of them. Everything is read-only. */
export interface GuestView {
  readonly filesystems: readonly GuestFilesystem[];
  /** Partitions in order, for `/dev/sdX` names of other buses: disk number (0-based) and partition number. */
  resolveDevice(name: string): string | undefined;
  /** The tree of one file system by itself. */
  tree(mountable: string): Promise<FileTree>;
  /** A tree made of several file systems; keys are mount points, `/` is required. */
  mountedTree(mounts: ReadonlyMap<string, string>): Promise<FileTree>;
  readonly signal?: AbortSignal;
}

/** A fact about a guest, and where it came from: a path in the guest, or a device name. */
export interface Fact<T> {
  readonly value: T;
  readonly source: string;
}

/** An installed application or package. Field names follow guestfs `application2`. */
export interface Application {
  readonly name: string;
  readonly displayName?: string;
  readonly epoch?: number;
  readonly version: string;
  readonly release?: string;
  readonly arch?: string;
  readonly installPath?: string;
  readonly publisher?: string;
  readonly url?: string;
  readonly sourcePackage?: string;
  readonly summary?: string;
  readonly description?: string;
  /** `appx`: a package of the Store; guestfs functions, which do not know them, leave them out. */
  readonly kind?: 'appx';
}

/** Where a part of the guest is mounted. */
export interface MountPoint {
  readonly path: string;
  readonly mountable: string;
  readonly options?: readonly string[];
  readonly source: string;
}

/** A kernel found in the guest. */
export interface KernelInfo {
  readonly version: string;
  readonly path: string;
  readonly initrd?: string;
}

/** A user account. */
export interface UserInfo {
  readonly name: string;
  readonly uid: number;
  readonly gid?: number;
  readonly home?: string;
  readonly shell?: string;
  readonly comment?: string;
  readonly fullName?: string;
  /** Nobody can log on with it. */
  readonly disabled?: boolean;
  /** ISO 8601, UTC. */
  readonly lastLogon?: string;
  /** Windows: the security id. */
  readonly sid?: string;
}

/** A service or driver of Windows. */
export interface WindowsService {
  readonly name: string;
  readonly displayName?: string;
  readonly kind: 'service' | 'driver';
  /** When it starts; a number that has no name is written as it is. */
  readonly start: 'boot' | 'system' | 'auto' | 'manual' | 'disabled' | (string & {});
  readonly imagePath?: string;
  readonly group?: string;
}

/** An update of Windows that is installed. */
export interface WindowsHotfix {
  /** `KB5034441`. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly installed?: string;
}

/** What one thing that starts at boot is, of the boot configuration. */
export interface WindowsBootEntry {
  /** GUID in braces. */
  readonly id: string;
  readonly kind: 'manager' | 'loader' | 'resume' | 'tool' | 'other';
  readonly description?: string;
  /** Program that it starts, `\\Windows\\system32\\winload.efi`. */
  readonly path?: string;
  /** The device it lies on, where that is one of this guest's. */
  readonly device?: string;
  /** The boot manager starts it when nobody chooses. */
  readonly isDefault: boolean;
}

/** A drive letter and what it stands for. */
export interface WindowsDrive {
  readonly letter: string;
  /** What MountedDevices keeps: a partition by disk signature and offset, or by GUID, or the name of a device. */
  readonly kind: 'mbr' | 'gpt' | 'device' | 'dynamic' | 'unknown';
  /** The device of this guest; undefined when it is none of them. */
  readonly device?: string;
  /** `bitlocker` or `dynamic` where the volume cannot be read as it stands. */
  readonly protection?: 'bitlocker' | 'dynamic';
  /** Signature and offset, GUID, or device name. */
  readonly identity: string;
}

/** Facts only Windows has. */
export interface WindowsFacts {
  /** `Professional`, `ServerStandard` … */
  readonly edition?: Fact<string>;
  /** Major, minor, build and revision: `10.0.19045.4291`. */
  readonly version?: Fact<string>;
  /** `22H2`. */
  readonly displayVersion?: Fact<string>;
  readonly servicePack?: Fact<string>;
  /** ISO 8601, UTC. */
  readonly installed?: Fact<string>;
  /** Windows' own name of the time zone. */
  readonly timezone?: Fact<string>;
  readonly domain?: Fact<string>;
  readonly owner?: Fact<string>;
  readonly organization?: Fact<string>;
  readonly firmware?: Fact<'bios' | 'uefi'>;
  readonly bootEntries?: Fact<readonly WindowsBootEntry[]>;
  readonly drives?: Fact<readonly WindowsDrive[]>;
  readonly services?: Fact<readonly WindowsService[]>;
  readonly hotfixes?: Fact<readonly WindowsHotfix[]>;
  /** Whether hiberfil.sys holds a state to resume: of a hibernation, or of a shutdown with fast startup. */
  readonly hibernated?: Fact<boolean>;
  /** Fast startup is on: a shutdown leaves a hibernated kernel. */
  readonly fastStartup?: Fact<boolean>;
  /** What waits for the next boot; empty when nothing does. */
  readonly pendingReboot?: readonly Fact<string>[];
  readonly groupPolicy?: Fact<boolean>;
  /** Names of products that scan for viruses. */
  readonly antivirus?: readonly Fact<string>[];
}

/** An operating system that was found. Values that guestfs(3) calls "unknown" are left out here. */
export interface OperatingSystem {
  /** Mountable of the root file system. */
  readonly root: string;
  /** guestfs `inspect_get_type`: `linux`, `windows`, `freebsd` … */
  readonly type: Fact<string>;
  /** guestfs `inspect_get_distro`: `debian`, `ubuntu`, `alpinelinux` … */
  readonly distro?: Fact<string>;
  readonly productName?: Fact<string>;
  readonly productVariant?: Fact<string>;
  readonly majorVersion?: Fact<number>;
  readonly minorVersion?: Fact<number>;
  /** The version as its own file writes it. */
  readonly versionText?: Fact<string>;
  readonly codename?: Fact<string>;
  /** guestfs `file_architecture` names: `x86_64`, `aarch64`, `i386` … */
  readonly arch?: Fact<string>;
  readonly hostname?: Fact<string>;
  readonly packageFormat?: Fact<string>;
  readonly packageManagement?: Fact<string>;
  /** Short id of libosinfo, `debian12`. */
  readonly osinfo?: Fact<string>;
  readonly buildId?: Fact<string>;
  readonly timezone?: Fact<string>;
  readonly locale?: Fact<string>;
  readonly initSystem?: Fact<string>;
  readonly bootloader?: Fact<string>;
  readonly kernels?: readonly KernelInfo[];
  readonly users?: readonly UserInfo[];
  /** In the order in which to mount them: parents first. */
  readonly mountPoints: readonly MountPoint[];
  /** All mountables that belong to it, swap included. */
  readonly filesystems: readonly string[];
  /** guestfs `inspect_get_drive_mappings`. */
  readonly driveMappings?: Readonly<Record<string, string>>;
  readonly warnings?: readonly string[];
  readonly windows?: WindowsFacts;
  /** Facts only one kind of guest has, by the guestfs name of the function that gives them. */
  readonly extra?: Readonly<Record<string, Fact<string | number | boolean>>>;
}

/** Says what system a root file system holds. */
export interface OsInspector {
  readonly name: string;
  /**
   * Look at one candidate root; undefined when it is none of this inspector's.
   * @param root mountable of the candidate
   */
  inspect(view: GuestView, root: string): Promise<OperatingSystem | undefined>;
  /** Installed applications of a system that `inspect` found; may be slow. */
  applications?(view: GuestView, os: OperatingSystem): Promise<readonly Application[]>;
}
