import type { BlockExtent, HostFile, HostFileIdentity, ImageLock, IoOptions } from '../../contracts/index.js';
import { CapabilityError, HostError, LockedError } from '../../errors/index.js';
import { checkSpan, throwIfAborted } from '../span.js';
import type { Participant } from './journal-writer.js';
import type { Overlay } from './overlay.js';

/** An image that is open for writing in a transaction: the file, its overlay and its lock, shared by all handles. */
export class SharedImage {
  handles = 0;
  /** Set when the commit point is passed and applying failed: nothing may be added, and nothing dropped. */
  unfinished: HostError | undefined;

  /** @param identity the file as it was when it was opened or last committed */
  constructor(
    readonly base: HostFile,
    readonly overlay: Overlay,
    readonly lock: ImageLock | undefined,
    public identity: HostFileIdentity,
  ) {}

  get path(): string {
    return this.base.path;
  }

  /**
   * Check that nobody wrote to, replaced or locked the image since it was opened.
   * @throws LockedError
   */
  async verify(now: HostFileIdentity | undefined): Promise<void> {
    await this.lock?.verify();
    const held = await this.base.identity();
    const same = (other: HostFileIdentity | undefined): boolean =>
      other !== undefined &&
      other.dev === this.identity.dev &&
      other.ino === this.identity.ino &&
      other.size === this.identity.size &&
      other.mtimeNs === this.identity.mtimeNs;
    if (same(held) && same(now)) return;
    throw new LockedError({ path: this.path, reason: 'another program has changed the image since it was opened' });
  }

  participant(relativePath: string): Participant {
    return {
      path: this.path,
      relativePath,
      identity: this.identity,
      cutTo: this.overlay.baseLimit,
      finalSize: this.overlay.size,
      changes: (piece) => this.overlay.changes(piece),
      read: (offset, length, into) => this.overlay.read(offset, length, undefined, into),
      readOld: (offset, length) => this.base.read(offset, length),
    };
  }

  async close(): Promise<void> {
    await this.overlay.clear();
    await this.base.close();
    await this.lock?.release();
  }
}

/** One opening of a {@link SharedImage}. */
export class ImageHandle implements HostFile {
  readonly #image: SharedImage;
  readonly #onClose: () => Promise<void>;
  #closed = false;

  constructor(
    image: SharedImage,
    readonly writable: boolean,
    onClose: () => Promise<void>,
  ) {
    this.#image = image;
    this.#onClose = onClose;
    image.handles++;
  }

  get path(): string {
    return this.#image.path;
  }

  get size(): number {
    return this.#image.overlay.size;
  }

  get direct(): boolean {
    return !this.#image.overlay.isDirty && this.#image.base.direct === true;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    this.#requireOpen('read');
    throwIfAborted(options?.signal, 'read');
    checkSpan(this.path, Number.MAX_SAFE_INTEGER, offset, length);
    return this.#image.overlay.read(offset, length, options);
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    this.#requireChangeable('write');
    throwIfAborted(options?.signal, 'write');
    checkSpan(this.path, Number.MAX_SAFE_INTEGER, offset, data.length);
    return this.#image.overlay.write(offset, data);
  }

  async truncate(size: number): Promise<void> {
    this.#requireChangeable('truncate');
    checkSpan(this.path, Number.MAX_SAFE_INTEGER, 0, size);
    return this.#image.overlay.truncate(size);
  }

  async punchHole(offset: number, length: number): Promise<void> {
    this.#requireChangeable('punch hole');
    checkSpan(this.path, this.size, offset, length);
    return this.#image.overlay.punchHole(offset, length);
  }

  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    this.#requireOpen('extents');
    checkSpan(this.path, this.size, offset, length);
    yield* this.#image.overlay.extents(offset, length);
  }

  /** Durability comes with the commit. */
  async flush(): Promise<void> {
    this.#requireOpen('flush');
  }

  identity(): Promise<HostFileIdentity> {
    return this.#image.base.identity();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#image.handles--;
    await this.#onClose();
  }

  #requireOpen(operation: string): void {
    if (!this.#closed) return;
    throw new HostError({ path: this.path, operation, errno: 'EBADF', reason: 'the file is closed' });
  }

  #requireChangeable(operation: string): void {
    this.#requireOpen(operation);
    if (!this.writable) throw CapabilityError.readOnly(this.path);
    if (this.#image.unfinished !== undefined) throw this.#image.unfinished;
  }
}
