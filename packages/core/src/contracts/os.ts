import type { FsStat } from './filesystem.js';

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
  /** False when no installed driver can open it. */
  readonly canMount: boolean;
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
