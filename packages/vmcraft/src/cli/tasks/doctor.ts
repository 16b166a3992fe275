import { type DoctorEntry, examineHost } from '@vmcraft/core/runtime';
import { printJson, type TaskContext } from './task-context.js';

/** Say what this host can and cannot do, and why. */
export async function doctorTask(context: TaskContext): Promise<void> {
  const entries = await examine(context);
  if (context.global.json) {
    return printJson(context, {
      node: process.version,
      platform: process.platform,
      arch: process.arch,
      providers: entries,
    });
  }
  const lines = [`Node ${process.version} on ${process.platform} ${process.arch}\n`];
  for (const [kind, title] of TITLES) {
    const ours = entries.filter((entry) => entry.kind === kind);
    if (ours.length > 0) lines.push(`\n${title}\n`, ...ours.map(describe));
  }
  const missing = entries.filter((entry) => !entry.availability.available);
  lines.push(
    missing.length === 0
      ? '\nEverything that is installed works here.\n'
      : `\n${missing.length} of ${entries.length} cannot work here; see the lines marked ✗.\n`,
  );
  await context.output.write(lines.join(''));
}

/** All providers with their availability. */
async function examine(context: TaskContext): Promise<readonly DoctorEntry[]> {
  const guest = await context.factory({ dryRun: true, force: false });
  try {
    return await examineHost(guest.registry);
  } finally {
    await guest.rollback();
  }
}

const TITLES: readonly (readonly [DoctorEntry['kind'], string])[] = [
  ['backend', 'Disk images'],
  ['storage', 'Volumes'],
  ['filesystem', 'File systems'],
  ['os', 'Operating systems'],
  ['runner', 'Commands of the guest'],
  ['actions', 'Further actions'],
];

function describe(entry: DoctorEntry): string {
  const { availability } = entry;
  const supports = Object.entries(entry.supports).map(([type, abilities]) => `${type} (${abilities.join(', ')})`);
  const lines = [
    `  ${availability.available ? '✓' : '✗'} ${entry.name}: ${entry.summary}`,
    `      ${supports.join('; ')}`,
  ];
  if (!availability.available) {
    lines.push(`      not here: ${availability.reason}`);
    if (availability.remedy !== undefined) lines.push(`      remedy: ${availability.remedy}`);
  } else if (availability.detail !== undefined) lines.push(`      ${availability.detail}`);
  return `${lines.join('\n')}\n`;
}
