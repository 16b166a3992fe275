import { z } from 'zod';
import { factOf, number, text } from './fact-schema.js';
import { windowsFacts } from './windows-report.js';

const application = z.strictObject({
  name: z.string(),
  displayName: z.string().optional(),
  epoch: z.int().optional(),
  version: z.string(),
  release: z.string().optional(),
  arch: z.string().optional(),
  installPath: z.string().optional(),
  publisher: z.string().optional(),
  url: z.string().optional(),
  sourcePackage: z.string().optional(),
  summary: z.string().optional(),
  description: z.string().optional(),
  kind: z.literal('appx').optional().describe('A package of the Store, which guestfs does not list'),
});

const filesystem = z.strictObject({
  device: z.string(),
  type: z.string().describe('As blkid names it; "unknown" when not recognised'),
  label: z.string().optional(),
  uuid: z.string().optional(),
});

const mountPoint = z.strictObject({
  path: z.string(),
  device: z.string(),
  options: z.array(z.string()).optional(),
  source: z.string(),
});

const operatingSystem = z.strictObject({
  root: z.string().describe('Device of the root file system'),
  type: text.describe('guestfs inspect_get_type'),
  distro: text.optional().describe('guestfs inspect_get_distro'),
  productName: text.optional(),
  productVariant: text.optional(),
  majorVersion: number.optional(),
  minorVersion: number.optional(),
  versionText: text.optional(),
  codename: text.optional(),
  arch: text.optional().describe('guestfs file_architecture'),
  hostname: text.optional(),
  packageFormat: text.optional(),
  packageManagement: text.optional(),
  osinfo: text.optional().describe('Likely short id of libosinfo'),
  buildId: text.optional(),
  timezone: text.optional(),
  locale: text.optional(),
  initSystem: text.optional(),
  bootloader: text.optional(),
  kernels: z.array(z.strictObject({ version: z.string(), path: z.string(), initrd: z.string().optional() })).optional(),
  users: z
    .array(
      z.strictObject({
        name: z.string(),
        uid: z.int(),
        gid: z.int().optional(),
        home: z.string().optional(),
        shell: z.string().optional(),
        comment: z.string().optional(),
        fullName: z.string().optional(),
        disabled: z.boolean().optional(),
        lastLogon: z.string().optional().describe('ISO 8601, UTC'),
        sid: z.string().optional(),
      }),
    )
    .optional(),
  mountPoints: z.array(mountPoint).describe('Parents first'),
  filesystems: z.array(filesystem).describe('Everything that belongs to this system, swap included'),
  driveMappings: z.record(z.string(), z.string()).optional(),
  applications: z.array(application).optional(),
  warnings: z.array(z.string()).optional(),
  windows: windowsFacts.optional(),
  extra: z.record(z.string(), factOf(z.union([z.string(), z.number(), z.boolean()]))).optional(),
});

/** What `vmcraft inspect --json` prints; published as docs/schemas/inspection.schema.json. */
export const inspectionReport = z.strictObject({
  schemaVersion: z.literal(1),
  operatingSystems: z.array(operatingSystem).describe('In a stable order: by device'),
});

/** The published JSON schema (draft 2020-12) of what `vmcraft inspect --json` prints. */
export function inspectionSchema(): object {
  return { title: 'VMCraft inspection report', ...z.toJSONSchema(inspectionReport) };
}
