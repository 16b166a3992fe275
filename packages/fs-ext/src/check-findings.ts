import type { CheckFinding } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';

/** Findings kept; a badly damaged file system has no end of them. */
const MAX_FINDINGS = 1000;

/** What a check found, in the order it was found. */
export class Findings {
  readonly list: CheckFinding[] = [];
  #errors = 0;

  /** Something e2fsck would repair. */
  error(message: string): void {
    this.#errors += 1;
    if (this.list.length < MAX_FINDINGS) this.list.push({ severity: 'error', message });
  }

  /** Something to know that makes the file system no worse. */
  warning(message: string): void {
    if (this.list.length < MAX_FINDINGS) this.list.push({ severity: 'warning', message });
  }

  /** No errors so far. */
  get clean(): boolean {
    return this.#errors === 0;
  }

  /** Run one step; what the driver cannot read is a finding, a mistake of ours is not. */
  async attempt<T>(step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      if (!isVmcraftError(error) || error.code === 'VMC_BUG' || error.code === 'VMC_HOST') throw error;
      this.error(error.message);
      return undefined;
    }
  }
}
