// Mounts of the host, by its kernel or by a FUSE driver, taken down in every case.
import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { host } from './sampler.mjs';

/** One image that can be mounted again and again, each time with nothing cached above the image file. */
export class KernelMount {
  #mounted = false;

  /** @param type of the kernel's driver, or `ntfs-3g` for the program of that name */
  constructor(folder, image, options, type = 'ext4') {
    this.folder = mkdtempSync(join(folder, 'mount-'));
    this.image = image;
    this.options = options;
    this.type = type;
  }

  mount() {
    this.unmount();
    if (this.type === 'ntfs-3g') host('ntfs-3g', '-o', this.options, this.image, this.folder);
    else host('mount', '-t', this.type, '-o', `loop,${this.options}`, this.image, this.folder);
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
