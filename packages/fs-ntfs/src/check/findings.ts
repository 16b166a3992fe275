import type { CheckFinding, CheckReport } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';

/** Findings kept; a badly damaged volume has no end of them. */
const MAX_FINDINGS = 1000;

/** What a check found, in the order it was found. */
export class Findings {
  readonly #list: CheckFinding[] = [];
  #errors = 0;
  #more = 0;

  /** Something that chkdsk would repair. */
  error(message: string): void {
    this.#errors++;
    this.#add({ severity: 'error', message });
  }

  /** Something to know that makes the volume no worse. */
  warning(message: string): void {
    this.#add({ severity: 'warning', message });
  }

  #add(finding: CheckFinding): void {
    if (this.#list.length < MAX_FINDINGS) this.#list.push(finding);
    else this.#more++;
  }

  /** Run one step; what cannot be read is a finding (behind `what`), a mistake of ours or of the host is not. */
  async attempt<T>(what: string, step: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      if (!isVmcraftError(error) || error.code === 'VMC_BUG' || error.code === 'VMC_HOST') throw error;
      this.error(what === '' ? error.message : `${what}: ${error.message}`);
      return undefined;
    }
  }

  report(): CheckReport {
    const more: CheckFinding[] =
      this.#more === 0 ? [] : [{ severity: 'warning', message: `${this.#more} more findings are not listed` }];
    return { clean: this.#errors === 0, findings: [...this.#list, ...more] };
  }
}
