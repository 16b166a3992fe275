import {
  CapabilityError,
  CorruptImageError,
  type HostFile,
  type HostFiles,
  LimitExceededError,
  type PayloadDecryptor,
  UnsupportedFeatureError,
  type WarningSink,
} from '@vmcraft/core';
import { detectFormat } from './detect.js';
import { canonicalFormat, FORMATS, type FormatModule, unsupportedFormat } from './formats.js';
import { MAX_CHAIN_DEPTH } from './limits.js';
import type { DiskImage } from './run.js';
import type { WritableImage } from './writable-image.js';

/** What to open. */
export interface ImageRequest {
  /** Host path. */
  readonly path: string;
  /** As qemu names it; detected when undefined. */
  readonly format?: string | undefined;
  readonly writable: boolean;
  /** Internal snapshot, by id or name. */
  readonly snapshot?: string | undefined;
  readonly ignoreLocks?: boolean | undefined;
  /** Leave the image behind closed and take it for empty: for an image in the making only. */
  readonly ignoreBacking?: boolean | undefined;
}

/** What opening needs from its surroundings. */
export interface ChainContext {
  readonly files: HostFiles;
  readonly warn: WarningSink;
  readonly decryptor?: PayloadDecryptor;
}

/** What a format is handed to open one image of a chain. */
export interface OpenedChain {
  readonly request: ImageRequest;
  /** 0 for the image the caller named. */
  readonly depth: number;
  /** Host path of the image behind, once {@link OpenedChain.openBacking} has resolved it. */
  readonly backingPath: string | undefined;
  readonly decryptor: PayloadDecryptor | undefined;
  warn(message: string): void;
  /** Open the image behind this one, for reading. */
  openBacking(reference: string, format?: string): Promise<DiskImage>;
  /** The first reference that names a file; the first of all when none does. */
  firstExisting(references: readonly string[]): Promise<string | undefined>;
  /** Open another file that the image names. */
  openReference(reference: string, writable: boolean): Promise<HostFile>;
}

/** An image, which can be written when that was asked for. */
export type OpenedImage = DiskImage | WritableImage;

/**
 * Open an image and the chain behind it.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, LimitExceededError
 * @throws CapabilityError when the format is read-only here, or a file lies outside the allowed folders
 * @throws HostError, LockedError from the host
 */
export function openImage(request: ImageRequest, context: ChainContext): Promise<OpenedImage> {
  return new ChainLink(request, context, 0, new Set()).open();
}

/** Schemes of references that are no file names. */
const FOREIGN = /^(json|nbd|ssh|https?|ftps?|iscsi|rbd|gluster|nvme|fat|vvfat|blkdebug|blkverify|null-(co|aio)):/i;

class ChainLink implements OpenedChain {
  readonly request: ImageRequest;
  readonly depth: number;
  backingPath: string | undefined;
  readonly #context: ChainContext;
  /** Files of the chain down to here; one seen twice is a cycle. */
  readonly #seen: ReadonlySet<string>;

  constructor(request: ImageRequest, context: ChainContext, depth: number, seen: ReadonlySet<string>) {
    this.request = request;
    this.depth = depth;
    this.#context = context;
    this.#seen = seen;
  }

  async open(): Promise<OpenedImage> {
    const { path, writable, ignoreLocks } = this.request;
    const options = ignoreLocks === undefined ? { writable } : { writable, ignoreLocks };
    const file = await this.#context.files.open(path, options);
    try {
      const { dev, ino } = await file.identity();
      const key = `${dev}:${ino}`;
      if (this.#seen.has(key)) {
        throw new CorruptImageError({ structure: 'backing chain', reason: `${path} is behind itself` });
      }
      const link = new ChainLink(this.request, this.#context, this.depth, new Set([...this.#seen, key]));
      const format = canonicalFormat(this.request.format ?? (await detectFormat(file)));
      return await (await formatFor(format, this.request)).open(file, link);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get decryptor(): PayloadDecryptor | undefined {
    return this.#context.decryptor;
  }

  warn(message: string): void {
    this.#context.warn({ source: this.request.path, message });
  }

  async openBacking(reference: string, format?: string): Promise<DiskImage> {
    if (this.depth + 1 >= MAX_CHAIN_DEPTH) {
      const value = this.depth + 2;
      throw new LimitExceededError({ limit: 'images in a backing chain', value, max: MAX_CHAIN_DEPTH });
    }
    const path = await this.#resolve(reference);
    this.backingPath = path;
    const request: ImageRequest = { path, writable: false, ...(format === undefined ? {} : { format }) };
    return new ChainLink(request, this.#context, this.depth + 1, this.#seen).open();
  }

  async firstExisting(references: readonly string[]): Promise<string | undefined> {
    for (const reference of references) {
      const path = await this.#resolve(reference).catch(() => undefined);
      if (path !== undefined && (await this.#context.files.stat(path)) !== undefined) return reference;
    }
    return references[0];
  }

  async openReference(reference: string, writable: boolean): Promise<HostFile> {
    const path = await this.#resolve(reference);
    const { ignoreLocks } = this.request;
    return this.#context.files.open(path, ignoreLocks === undefined ? { writable } : { writable, ignoreLocks });
  }

  async #resolve(reference: string): Promise<string> {
    const name = reference.startsWith('file:') ? reference.slice('file:'.length) : reference;
    if (FOREIGN.test(name)) {
      const feature = `reference '${name.slice(0, 80)}'`;
      throw new UnsupportedFeatureError({ feature, structure: 'backing chain', workaround: 'backend-nbd opens it' });
    }
    return this.#context.files.resolveReference(this.request.path, name);
  }
}

async function formatFor(format: string, request: ImageRequest): Promise<FormatModule> {
  const entry = FORMATS[format];
  if (entry === undefined) throw unsupportedFormat(format);
  if (request.writable && !entry.writable) {
    const reason = `${format} images are opened read-only in-process; backend-nbd writes them`;
    throw new CapabilityError({ capability: 'write', subject: request.path, reason });
  }
  if (request.snapshot !== undefined && !entry.snapshots) {
    const reason = `${format} has no internal snapshots`;
    throw new CapabilityError({ capability: 'snapshot', subject: request.path, reason });
  }
  return entry.load();
}
