import type { HostFile } from '@vmcraft/core';
import type { OpenedChain, OpenedImage } from '../chain.js';
import { openQcow2Parts, Qcow2Image } from './qcow2-image.js';

/** Open a qcow2 image, at a snapshot when the request names one. */
export async function open(file: HostFile, chain: OpenedChain): Promise<OpenedImage> {
  return new Qcow2Image(await openQcow2Parts(file, chain));
}
