import type { Application, GuestFilesystem, OperatingSystem } from '@vmcraft/core';
import type { z } from 'zod';
import type { inspectionReport } from './report-schema.js';

/** What `vmcraft inspect --json` prints. */
export type InspectionReport = z.infer<typeof inspectionReport>;
/** One system of an {@link InspectionReport}. */
export type InspectedSystem = InspectionReport['operatingSystems'][number];

/** A system that inspection found, with its applications when they were asked for. */
export interface FoundSystem {
  readonly os: OperatingSystem;
  readonly applications?: readonly Application[];
}

/** The report of systems found on a guest. */
export function inspectionReportOf(
  found: readonly FoundSystem[],
  filesystems: readonly GuestFilesystem[],
): InspectionReport {
  const byName = new Map(filesystems.map((fs) => [fs.mountable, fs]));
  const systems = found.map(({ os, applications }) => ({
    ...os,
    mountPoints: os.mountPoints.map(({ path, mountable, options, source }) => ({
      path,
      device: mountable,
      options,
      source,
    })),
    filesystems: os.filesystems.map((device) => {
      const fs = byName.get(device);
      return { device, type: fs?.type ?? 'unknown', label: fs?.label, uuid: fs?.uuid };
    }),
    ...(applications === undefined ? {} : { applications }),
  }));
  // Fields without a value go, as in JSON.
  return JSON.parse(JSON.stringify({ schemaVersion: 1, operatingSystems: systems }));
}
