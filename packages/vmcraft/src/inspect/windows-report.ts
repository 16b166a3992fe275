import { z } from 'zod';
import { factOf, text } from './fact-schema.js';

const bootEntry = z.strictObject({
  id: z.string().describe('GUID in braces'),
  kind: z.enum(['manager', 'loader', 'resume', 'tool', 'other']),
  description: z.string().optional(),
  path: z.string().optional().describe('Program that it starts'),
  device: z.string().optional(),
  isDefault: z.boolean(),
});

const drive = z.strictObject({
  letter: z.string(),
  kind: z.enum(['mbr', 'gpt', 'device', 'dynamic', 'unknown']).describe('What MountedDevices keeps for it'),
  device: z.string().optional(),
  protection: z.enum(['bitlocker', 'dynamic']).optional(),
  identity: z.string(),
});

const service = z.strictObject({
  name: z.string(),
  displayName: z.string().optional(),
  kind: z.enum(['service', 'driver']),
  start: z.string().describe('boot, system, auto, manual or disabled'),
  imagePath: z.string().optional(),
  group: z.string().optional(),
});

const hotfix = z.strictObject({ id: z.string(), installed: z.string().optional().describe('ISO 8601, UTC') });
const yes = factOf(z.boolean());

/** Facts only Windows has, as `vmcraft inspect --json` prints them. */
export const windowsFacts = z.strictObject({
  edition: text.optional(),
  version: text.optional().describe('Major, minor, build and revision'),
  displayVersion: text.optional().describe('Such as 22H2'),
  servicePack: text.optional(),
  installed: text.optional().describe('ISO 8601, UTC'),
  timezone: text.optional().describe("Windows' own name"),
  domain: text.optional(),
  owner: text.optional(),
  organization: text.optional(),
  firmware: factOf(z.enum(['bios', 'uefi'])).optional(),
  bootEntries: factOf(z.array(bootEntry)).optional(),
  drives: factOf(z.array(drive)).optional(),
  services: factOf(z.array(service)).optional(),
  hotfixes: factOf(z.array(hotfix)).optional(),
  hibernated: yes.optional().describe('hiberfil.sys holds a state to resume'),
  fastStartup: yes.optional(),
  pendingReboot: z.array(text).optional().describe('What waits for the next boot'),
  groupPolicy: yes.optional(),
  antivirus: z.array(text).optional(),
});

/** Facts only Windows has. */
export type WindowsReport = z.infer<typeof windowsFacts>;
