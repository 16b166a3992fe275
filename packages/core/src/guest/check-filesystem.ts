import type { CheckReport } from '../contracts/index.js';
import { CapabilityError, FsError } from '../errors/index.js';
import { signatureOf } from './block-facts.js';
import { changeDevice, isMounted } from './device-changes.js';
import type { Session } from './session.js';

/** Types that may have something to replay. */
const JOURNALLED = /^ext[34]$/;

/** How to check. */
export interface CheckRequest {
  /** Change nothing, not even by replaying a journal. */
  readonly readonly: boolean;
  /** Type whose driver checks; otherwise that of what lies on the device. */
  readonly type?: string;
}

/**
 * Check a file system. What a journal holds is replayed first, where that is allowed.
 * @throws FsError EBUSY when it is mounted; NoProviderError when no driver checks such a file system
 */
export async function checkFilesystem(
  g: Session,
  name: string,
  request: CheckRequest,
  action: string,
): Promise<CheckReport> {
  if (isMounted(g, name)) throw new FsError('EBUSY', { operation: action, path: name, reason: 'mounted' });
  const found = (await signatureOf(g, name))?.type;
  const driver = await g.services.driverFor(request.type ?? found ?? 'unknown', 'check');
  const { device } = g.device(name, action);
  // Opening for writing replays the journal and processes orphans.
  if (!request.readonly && device.writable && JOURNALLED.test(found ?? '')) {
    await changeDevice(g, name, action, () => g.withFilesystem(name, false, async () => undefined));
  }
  const report = await driver.check?.(device);
  if (report !== undefined) return report;
  throw new CapabilityError({ capability: 'check', subject: driver.name });
}

/** A few of the findings, for a message. */
export function describeFindings(report: CheckReport): string {
  const shown = report.findings.slice(0, 5).map((f) => f.message);
  const rest = report.findings.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
}
