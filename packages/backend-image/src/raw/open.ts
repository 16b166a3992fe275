import type { HostFile } from '@vmcraft/core';
import type { OpenedImage } from '../chain.js';
import { RawImage } from './raw-image.js';

/** Open a raw image; anything is one. */
export async function open(file: HostFile): Promise<OpenedImage> {
  return new RawImage(file);
}
