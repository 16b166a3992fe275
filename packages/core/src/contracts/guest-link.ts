import type { BlockDevice } from './block.js';

/** A device of a guest as something beside the session sees it. */
export interface GuestDevice {
  /** `/dev/sda1`, `/dev/vg/root`. */
  readonly name: string;
  readonly kind: 'disk' | 'partition' | 'volume';
  readonly device: BlockDevice;
  /** Names of the devices that it is made from. */
  readonly parents: readonly string[];
  /** What it belongs to, as blkid names it, where a storage plugin has claimed it. */
  readonly memberType?: string;
  /** UUID of a volume, where its kind has one. */
  readonly uuid?: string;
}

/** Something that works on the devices of a guest beside the session: an appliance, an attached device. */
export interface GuestPart {
  /** Bring everything that was written to the devices: they are about to be committed. */
  settle(): Promise<void>;
  /** Let go of the devices. Called once, before they are closed. */
  close(): Promise<void>;
}

/** One launched guest, for providers that need more of it than one device. The same object for all calls until it is shut down. */
export interface GuestLink {
  /** Disks in their order, then what is on them. */
  readonly devices: readonly GuestDevice[];
  /** Settings of the handle by their guestfs names in camel case: `memsize`, `smp`, `network`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Fires when the caller cancels the running call. */
  readonly signal: AbortSignal;
  /** Let the session settle and close a part in time. */
  attach(part: GuestPart): void;
  /** Tell people who asked for details. */
  note(text: string): void;
}

/** Borrows the mounted tree of a guest, while no file system of it is open in this process. */
export interface TreeBorrower {
  /** Mount what was mounted, outermost first. */
  take(mounts: readonly BorrowedMount[]): Promise<void>;
  /** Unmount everything. */
  giveBack(): Promise<void>;
}

/** One mount that is handed over. */
export interface BorrowedMount {
  /** Device or `btrfsvol:` mountable. */
  readonly source: string;
  readonly path: string;
  readonly readonly: boolean;
  /** As `mount -o`. */
  readonly options: string;
}
