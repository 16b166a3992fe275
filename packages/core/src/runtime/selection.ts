import type { Ability, ProviderDescriptor, ProviderKind } from '../contracts/index.js';
import { type CandidateReason, NoProviderError, PluginError } from '../errors/index.js';

/** What a provider must be able to do. */
export interface ProviderRequirement {
  readonly kind: ProviderKind;
  /** Image format, file-system type, member type or OS type. */
  readonly subject: string;
  readonly abilities: readonly Ability[];
  /** URI scheme of a drive; `file` for host paths. */
  readonly scheme?: string;
}

/** What the caller knows or wants besides. */
export interface SelectionHints {
  /** Name of the provider to use; others are not considered. */
  readonly provider?: string;
  /** Providers known not to work on this host, and why. */
  readonly unavailable?: ReadonlyMap<string, string>;
}

/** A provider that fits. */
export interface RankedProvider<D extends ProviderDescriptor = ProviderDescriptor> {
  readonly descriptor: D;
  readonly rank: number;
  /** Why it is where it is in the list. */
  readonly reason: string;
}

/** Result of a selection that found something. */
export interface Selection<D extends ProviderDescriptor = ProviderDescriptor> {
  /** Best first; never empty. */
  readonly ranked: readonly RankedProvider<D>[];
  readonly rejected: readonly CandidateReason[];
}

/**
 * The providers that can do a job, best first. Pure: looks at descriptors only.
 * @throws NoProviderError naming what each candidate lacks
 * @throws PluginError when two fit equally well: order of registration must not decide
 */
export function selectProviders<D extends ProviderDescriptor>(
  candidates: readonly D[],
  required: ProviderRequirement,
  hints: SelectionHints = {},
): Selection<D> {
  const ranked: RankedProvider<D>[] = [];
  const rejected: CandidateReason[] = [];
  for (const descriptor of candidates) {
    if (descriptor.kind !== required.kind) continue;
    const lack = whatLacks(descriptor, required, hints);
    if (lack === undefined) ranked.push({ descriptor, rank: descriptor.rank, reason: `rank ${descriptor.rank}` });
    else rejected.push({ name: descriptor.name, reason: lack });
  }
  if (ranked.length === 0) throw new NoProviderError({ wanted: describe(required), candidates: rejected });
  ranked.sort((a, b) => b.rank - a.rank || (a.descriptor.name < b.descriptor.name ? -1 : 1));
  rejectTies(ranked, required);
  return { ranked, rejected };
}

/** What a provider can do with a subject: its own entry, or the one for anything. */
export function abilitiesFor(descriptor: ProviderDescriptor, subject: string): readonly Ability[] | undefined {
  const { supports } = descriptor.capabilities;
  return Object.hasOwn(supports, subject) ? supports[subject] : supports['*'];
}

function whatLacks(
  descriptor: ProviderDescriptor,
  required: ProviderRequirement,
  hints: SelectionHints,
): string | undefined {
  if (hints.provider !== undefined && descriptor.name !== hints.provider) return `'${hints.provider}' was asked for`;
  if (required.scheme !== undefined) {
    const schemes = descriptor.capabilities.schemes ?? ['file'];
    if (!schemes.includes(required.scheme)) return `opens ${schemes.join(', ')}, not ${required.scheme}`;
  }
  const abilities = abilitiesFor(descriptor, required.subject);
  if (abilities === undefined) return `does not know ${required.subject}`;
  const missing = required.abilities.filter((ability) => !abilities.includes(ability));
  if (missing.length > 0) return `cannot ${missing.join(', ')} ${required.subject}`;
  return hints.unavailable?.get(descriptor.name);
}

function rejectTies(ranked: readonly RankedProvider[], required: ProviderRequirement): void {
  for (let i = 1; i < ranked.length; i++) {
    const [a, b] = [ranked[i - 1]!, ranked[i]!];
    if (a.rank !== b.rank) continue;
    const names = [a.descriptor.name, b.descriptor.name];
    throw new PluginError({
      plugin: names[0]!,
      conflict: names,
      reason: `'${names[0]}' and '${names[1]}' both ${describe(required)} with rank ${a.rank}; name one, or give one another rank`,
    });
  }
}

/** `read, write qcow2`, for messages. */
function describe({ abilities, subject, scheme }: ProviderRequirement): string {
  const from = scheme === undefined || scheme === 'file' ? '' : ` over ${scheme}`;
  return `${abilities.join(' and ')} ${subject}${from}`;
}
