import type { BlockDevice, CheckFinding, CheckReport } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';
import { checkExfat } from './check-exfat.js';
import { checkFat } from './check-fat.js';
import { detect } from './open.js';

/** Findings reported at most; the rest is only counted. */
const MAX_FINDINGS = 1000;

/** Collects what a check finds. */
export class Findings {
  readonly list: CheckFinding[] = [];
  #more = 0;

  error(message: string): void {
    this.#add({ severity: 'error', message });
  }

  warning(message: string): void {
    this.#add({ severity: 'warning', message });
  }

  #add(finding: CheckFinding): void {
    if (this.list.length < MAX_FINDINGS) this.list.push(finding);
    else this.#more++;
  }

  report(): CheckReport {
    const more: CheckFinding[] =
      this.#more === 0 ? [] : [{ severity: 'error', message: `${this.#more} more findings are not listed` }];
    const findings = [...this.list, ...more];
    return { clean: findings.length === 0, findings };
  }
}

/** Look at the whole structure of a FAT or exFAT volume, changing nothing: as fsck.fat -n and fsck.exfat -n do. */
export async function check(device: BlockDevice): Promise<CheckReport> {
  const findings = new Findings();
  try {
    if ((await detect(device)) === 'exfat') await checkExfat(device, findings);
    else await checkFat(device, findings);
  } catch (error) {
    if (!isVmcraftError(error)) throw error;
    findings.error(error.message);
  }
  return findings.report();
}
