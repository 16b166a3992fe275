import type { Ability, ProviderDescriptor, ProviderKind } from '@vmcraft/core/contracts';
import { type CandidateReason, NoProviderError, UsageError } from '@vmcraft/core/errors';
import { abilitiesFor, examineHost, type PluginRegistry, selectProviders } from '@vmcraft/core/runtime';
import { formatTable } from '../output/table.js';
import { note, printJson, type TaskContext } from './task-context.js';

const KINDS: readonly ProviderKind[] = ['backend', 'storage', 'filesystem', 'os', 'actions'];

/** One provider in the list. */
interface PluginLine {
  readonly plugin: string;
  readonly kind: ProviderKind;
  readonly name: string;
  readonly rank: number;
  readonly supports: Readonly<Record<string, readonly Ability[]>>;
  readonly summary: string;
}

/** Who would do a job, and why the others would not. */
export interface Explanation {
  readonly kind: ProviderKind;
  readonly ability: Ability;
  readonly chosen: string | null;
  readonly ranked: readonly { readonly name: string; readonly reason: string }[];
  readonly rejected: readonly CandidateReason[];
}

/** List the plugins, or explain who handles a format or type. */
export async function pluginsTask(context: TaskContext, explain: string | undefined): Promise<void> {
  const guest = await context.factory({ dryRun: true, force: false });
  guest.on('warning', ({ source, message }) => void note(context, `warning: ${source}: ${message}`));
  try {
    if (explain === undefined) await list(context, guest.registry);
    else await explainSubject(context, guest.registry, explain);
  } finally {
    await guest.rollback();
  }
}

function descriptorsOf(registry: PluginRegistry): ProviderDescriptor[] {
  return KINDS.flatMap((kind): readonly ProviderDescriptor[] => registry.candidates(kind));
}

async function list(context: TaskContext, registry: PluginRegistry): Promise<void> {
  const lines: PluginLine[] = descriptorsOf(registry).map((descriptor) => ({
    plugin: registry.pluginOf(descriptor) ?? '',
    kind: descriptor.kind,
    name: descriptor.name,
    rank: descriptor.rank,
    supports: descriptor.capabilities.supports,
    summary: descriptor.summary,
  }));
  if (context.global.json) return printJson(context, { plugins: lines });
  const columns = ['Plugin', 'Kind', 'Name', 'Rank', 'Supports'].map((title) => ({ title, right: title === 'Rank' }));
  const rows = lines.map((l) => [l.plugin, l.kind, l.name, String(l.rank), Object.keys(l.supports).join(' ')]);
  await context.output.write(formatTable(columns, rows));
}

async function explainSubject(context: TaskContext, registry: PluginRegistry, subject: string): Promise<void> {
  const descriptors = descriptorsOf(registry);
  const unavailable = new Map<string, string>();
  for (const { name, availability } of await examineHost(registry)) {
    if (!availability.available) unavailable.set(name, `not on this host: ${availability.reason}`);
  }
  const jobs = jobsFor(descriptors, subject);
  if (jobs.length === 0) {
    const known = new Set(descriptors.flatMap((d) => Object.keys(d.capabilities.supports)));
    throw new UsageError(`no plugin knows '${subject}'`, { hint: `known: ${[...known].sort().join(', ')}` });
  }
  const explanations = jobs.map(({ kind, ability }) =>
    explainJob(descriptors, { kind, ability, subject, unavailable }),
  );
  if (context.global.json) return printJson(context, { subject, jobs: explanations });
  for (const explanation of explanations) await context.output.write(render(subject, explanation));
}

/** Kinds and abilities that some provider declares for the subject. */
function jobsFor(
  descriptors: readonly ProviderDescriptor[],
  subject: string,
): { kind: ProviderKind; ability: Ability }[] {
  const jobs = new Map<string, { kind: ProviderKind; ability: Ability }>();
  for (const descriptor of descriptors) {
    if (!Object.hasOwn(descriptor.capabilities.supports, subject)) continue;
    for (const ability of abilitiesFor(descriptor, subject) ?? []) {
      jobs.set(`${descriptor.kind} ${ability}`, { kind: descriptor.kind, ability });
    }
  }
  return [...jobs.values()];
}

function explainJob(
  descriptors: readonly ProviderDescriptor[],
  job: { kind: ProviderKind; ability: Ability; subject: string; unavailable: ReadonlyMap<string, string> },
): Explanation {
  const { kind, ability, subject, unavailable } = job;
  try {
    const { ranked, rejected } = selectProviders(descriptors, { kind, subject, abilities: [ability] }, { unavailable });
    const named = ranked.map(({ descriptor, reason }) => ({ name: descriptor.name, reason }));
    return { kind, ability, chosen: named[0]!.name, ranked: named, rejected };
  } catch (error) {
    if (!(error instanceof NoProviderError)) throw error;
    const rejected = error.data.candidates as readonly CandidateReason[];
    return { kind, ability, chosen: null, ranked: [], rejected };
  }
}

function render(subject: string, { kind, ability, chosen, ranked, rejected }: Explanation): string {
  const lines = [`${ability} ${subject} (${kind}): ${chosen ?? 'nothing can'}`];
  for (const { name, reason } of ranked) lines.push(`  ✓ ${name}: ${reason}`);
  for (const { name, reason } of rejected) lines.push(`  ✗ ${name}: ${reason}`);
  return `${lines.join('\n')}\n`;
}
