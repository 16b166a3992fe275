import type { HostFiles } from '../../contracts/index.js';
import { isVmcraftError } from '../../errors/index.js';

/** How to search for children of an image. */
export interface BackingChildOptions {
  /**
   * The backing file an image names, as it is written there, or undefined. Called with the path of each sibling; must read a bounded part.
   */
  readonly backingNameOf: (path: string) => Promise<string | undefined>;
  /** Most siblings looked at; 256 unless given. */
  readonly limit?: number;
}

/**
 * An image in the same folder that has `imagePath` as its backing file: writing to the parent would silently destroy the child. Only
 * what can be seen without searching the host is seen.
 * @returns the child's path, or undefined
 */
export async function findBackingChild(
  files: HostFiles,
  imagePath: string,
  options: BackingChildOptions,
): Promise<string | undefined> {
  const image = await files.stat(imagePath);
  if (image === undefined || files.siblings === undefined) return undefined;
  for (const sibling of await files.siblings(imagePath, options.limit ?? 256)) {
    try {
      const name = await options.backingNameOf(sibling);
      if (name === undefined) continue;
      const parent = await files.stat(await files.resolveReference(sibling, name));
      if (parent?.identity.ino === image.identity.ino && parent.identity.dev === image.identity.dev) return sibling;
    } catch (error) {
      // A sibling that cannot be read or resolved is somebody else's matter.
      if (!isVmcraftError(error)) throw error;
    }
  }
  return undefined;
}
