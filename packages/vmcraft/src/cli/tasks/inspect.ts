import { isVmcraftError, messageOf, type OperatingSystem } from '@vmcraft/core';
import type { Inspection } from '@vmcraft/core/inspect';
import { type InspectionFormat, renderInspection } from '../../inspect/render.js';
import { type FoundSystem, type InspectionReport, inspectionReportOf } from '../../inspect/report.js';
import { NoOperatingSystemError } from '../shell/open-guest.js';
import type { DiskOptions, TaskContext } from './task-context.js';
import { withGuest } from './with-guest.js';

/** Options of `vmcraft inspect`. */
export interface InspectOptions extends DiskOptions {
  readonly form: InspectionFormat;
  /** Read the package databases too. */
  readonly applications: boolean;
}

/** Say what is on the disks. @throws NoOperatingSystemError when no system is found */
export async function inspectTask(context: TaskContext, options: InspectOptions): Promise<void> {
  const report = await withGuest(context, options, { run: (guest) => inspect(guest, options) });
  const isEmpty = report.operatingSystems.length === 0;
  // People are told by the error alone; programs get the report they asked for as well.
  if (!isEmpty || options.form !== 'text') {
    const text = await renderInspection(report, options.form);
    await context.output.write(text.endsWith('\n') ? text : `${text}\n`);
  }
  if (isEmpty) {
    throw new NoOperatingSystemError("'vmcraft filesystems' lists what is on the disk");
  }
}

async function inspect(
  guest: Parameters<Parameters<typeof withGuest>[2]['run']>[0],
  options: InspectOptions,
): Promise<InspectionReport> {
  const inspection = await guest.session.inspect();
  const found: FoundSystem[] = [];
  for (const os of inspection.systems) {
    if (options.root !== undefined && os.root !== options.root) continue;
    found.push(options.applications ? await withApplications(inspection, os) : { os });
  }
  return inspectionReportOf(found, inspection.filesystems);
}

/** A broken package database is a warning: all else that is known of the system stays worth telling. */
async function withApplications(inspection: Inspection, os: OperatingSystem): Promise<FoundSystem> {
  try {
    return { os, applications: await inspection.applications(os) };
  } catch (error) {
    if (!isVmcraftError(error)) throw error;
    return { os: { ...os, warnings: [...(os.warnings ?? []), `applications: ${messageOf(error)}`] } };
  }
}
