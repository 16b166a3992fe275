import type { Availability } from './backend.js';
import type { FileSystem } from './filesystem.js';

/** How a program of a guest is run. */
export interface CommandOptions {
  readonly signal?: AbortSignal;
  /** The whole environment besides what the runner gives (`PATH`, `HOME`, `TERM`, `LC_ALL`); nothing comes from the host. */
  readonly env?: Readonly<Record<string, string>>;
  /** Give it the host's network; otherwise it has none. */
  readonly network?: boolean;
  /** It is killed after this long, milliseconds. */
  readonly timeout?: number;
  /** It is killed when it writes more than this to standard output and standard error together, bytes. */
  readonly outputLimit?: number;
  /**
   * Memory that it may have with all of its processes, bytes; half of the host's unless given. It is killed at the limit. Where the host has no
   * control groups for it, as without root, each process has this limit, and gets none beyond it.
   */
  readonly memoryLimit?: number;
  /** Processes and threads that it may have at a time; 4096 unless given. It gets no more at the limit. Without root: for each user of the guest. */
  readonly processLimit?: number;
  /** Gets what is written as it comes, instead of the result: 1 for standard output, 2 for standard error. */
  onOutput?(stream: 1 | 2, chunk: Uint8Array): Promise<void> | void;
}

/** What came of a program. */
export interface CommandResult {
  /** Exit status; 128 and the number of the signal for a program that one ended, as in a shell. */
  readonly status: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** Runs programs of a guest; only heavier backends have one. */
export interface CommandRunner {
  /** @throws CapabilityError when it cannot be run, LimitExceededError, AbortedError */
  run(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

/** A file system in the tree of a guest. */
export interface GuestTreeMount {
  readonly fs: FileSystem;
  /** Where it is mounted, without links. */
  readonly path: string;
  /** `/dev/sda2`, `/dev/vg/root`. */
  readonly source: string;
  readonly readonly: boolean;
}

/** Runs programs over file systems that one driver has mounted. */
export interface TreeRunner {
  readonly name: string;
  /** The file systems must have been opened by this driver. */
  readonly driver: string;
  /** Whether it works on this host; cheap. */
  available(): Promise<Availability>;
  /** @param mounts outer ones first */
  over(mounts: readonly GuestTreeMount[]): CommandRunner;
}
