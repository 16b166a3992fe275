// Loop mounts of the host kernel, taken down in every case.
import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { host } from './sampler.mjs';

/** One image that can be mounted again and again, each time with nothing cached above the image file. */
export class KernelMount {
  #mounted = false;

  constructor(folder, image, options) {
    this.folder = mkdtempSync(join(folder, 'mount-'));
    this.image = image;
    this.options = options;
  }

  mount() {
    this.unmount();
    host('mount', '-t', 'ext4', '-o', `loop,${this.options}`, this.image, this.folder);
    this.#mounted = true;
  }

  unmount() {
    if (!this.#mounted) return;
    host('umount', this.folder);
    this.#mounted = false;
  }

  close() {
    this.unmount();
    if (existsSync(this.folder)) rmdirSync(this.folder);
  }
}
