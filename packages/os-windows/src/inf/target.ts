/** Architectures as INF decorations name them. */
export type InfArchitecture = 'x86' | 'amd64' | 'arm64' | 'arm' | 'ia64';

/** The Windows that an INF is to be installed on. */
export interface InfTarget {
  readonly architecture: InfArchitecture;
  /** Version of NT: 6.1 for Windows 7, 10.0 for Windows 10 and 11. */
  readonly major: number;
  readonly minor: number;
  /** 19041, 26100 … */
  readonly build: number;
  /** VER_NT_WORKSTATION, VER_NT_DOMAIN_CONTROLLER, VER_NT_SERVER. */
  readonly productType: 1 | 2 | 3;
  /** VER_SUITE_* bits; 0 when not known. */
  readonly suiteMask?: number;
}

/** A TargetOSVersion decoration, `NT[arch][.[major][.[minor][.[type][.[suite]][.[build]]]]]`. Missing fields do not restrict. */
export interface TargetOsVersion {
  readonly text: string;
  readonly architecture?: InfArchitecture;
  readonly major?: number;
  readonly minor?: number;
  readonly productType?: number;
  readonly suiteMask?: number;
  readonly build?: number;
}

/** The first build of Windows that knows of build numbers in a decoration (Windows 10, version 1607). */
const FIRST_BUILD_WITH_BUILDS = 14310;

const PATTERN = /^nt(x86|amd64|arm64|arm|ia64)?((?:\.[0-9a-fx]*)*)$/i;

/** Undefined when the text is no such decoration. */
export function parseTargetOsVersion(text: string): TargetOsVersion | undefined {
  const match = PATTERN.exec(text.trim());
  if (match === null) return undefined;
  const fields = (match[2] ?? '').split('.').slice(1);
  const [major, minor, productType, suiteMask, build] = fields.map(number);
  const architecture = match[1]?.toLowerCase() as InfArchitecture | undefined;
  return {
    text: text.trim(),
    ...(architecture === undefined ? {} : { architecture }),
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
    ...(productType === undefined ? {} : { productType }),
    ...(suiteMask === undefined ? {} : { suiteMask }),
    ...(build === undefined ? {} : { build }),
  };
}

function number(text: string): number | undefined {
  const value = text === '' ? Number.NaN : Number(text);
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** Whether a decoration admits a Windows. */
export function admits(decoration: TargetOsVersion, target: InfTarget): boolean {
  const { architecture, major = 0, minor = 0, productType, suiteMask, build = 0 } = decoration;
  if (architecture !== undefined && architecture !== target.architecture) return false;
  if (major > target.major || (major === target.major && minor > target.minor)) return false;
  if (productType !== undefined && productType !== target.productType) return false;
  if (suiteMask !== undefined && ((target.suiteMask ?? 0) & suiteMask) !== suiteMask) return false;
  if (build === 0) return true;
  const knowsBuilds = target.major >= 10 && target.build >= FIRST_BUILD_WITH_BUILDS;
  return knowsBuilds && (target.major > major || target.minor > minor || build <= target.build);
}

/**
 * The decoration that Windows chooses: the highest version and build not above its own, then the closest product type and suite, then
 * its own architecture (Combining Platform Extensions with Operating System Versions). Undefined when none admits it.
 */
export function selectDecoration(
  decorations: readonly TargetOsVersion[],
  target: InfTarget,
): TargetOsVersion | undefined {
  const admitted = decorations.filter((decoration) => admits(decoration, target));
  return admitted.reduce<TargetOsVersion | undefined>(
    (best, next) => (best === undefined || compare(next, best) > 0 ? next : best),
    undefined,
  );
}

function compare(a: TargetOsVersion, b: TargetOsVersion): number {
  const left = rank(a);
  const right = rank(b);
  for (const [i, value] of left.entries()) if (value !== right[i]) return value - (right[i] ?? 0);
  return 0;
}

function rank(d: TargetOsVersion): readonly number[] {
  return [
    d.major ?? 0,
    d.minor ?? 0,
    d.build ?? 0,
    d.productType === undefined ? 0 : 1,
    d.suiteMask === undefined ? 0 : 1,
    d.architecture === undefined ? 0 : 1,
  ];
}

/** Suffixes of a decorated section in the order in which Windows looks: `.NTamd64`, `.NT`, none. */
export function sectionSuffixes({ architecture }: InfTarget): readonly string[] {
  return [`.nt${architecture}`, '.nt', ''];
}

/** Suffixes of `[SourceDisksNames]` and `[SourceDisksFiles]`: the architecture without `NT`, then none. */
export function sourceSuffixes({ architecture }: InfTarget): readonly string[] {
  return [`.${architecture}`, ''];
}

/** `Windows 10.0.19045 amd64`, for messages. */
export function describeTarget({ architecture, major, minor, build }: InfTarget): string {
  return `Windows ${major}.${minor}.${build} ${architecture}`;
}
