import { equalBytes } from '../binary/index.js';
import type { OperatingSystem } from '../contracts/index.js';
import type { Session } from './session.js';

/** Bytes of an icon at most. */
const MAX_ICON = 4 * 1024 * 1024;
/** PNG specification, 5.2 PNG signature. */
const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** The logo that distributions ship as `system-logo` or under their own name; the first two are large and have an alpha channel. */
const PLACES = [
  '/usr/share/icons/hicolor/256x256/apps/system-logo-icon.png',
  '/usr/share/icons/hicolor/96x96/apps/system-logo-icon.png',
  '/usr/share/icons/hicolor/24x24/apps/system-logo-icon.png',
  '/usr/share/pixmaps/system-logo-white.png',
] as const;
const HIGH_QUALITY = 2;

/** A PNG of the mounted system; empty when there is none. */
export async function findIcon(
  g: Session,
  os: OperatingSystem,
  options: { readonly favicon?: boolean | undefined; readonly highquality?: boolean | undefined },
): Promise<Uint8Array> {
  const distro = os.distro?.value;
  const named = distro === undefined ? [] : [`/usr/share/pixmaps/${distro}-logo.png`];
  const places = options.highquality === true ? PLACES.slice(0, HIGH_QUALITY) : [...PLACES, ...named];
  for (const path of [...(options.favicon === false ? [] : ['/etc/favicon.png']), ...places]) {
    const icon = await readPng(g, path);
    if (icon !== undefined) return icon;
  }
  return new Uint8Array(0);
}

async function readPng(g: Session, path: string): Promise<Uint8Array | undefined> {
  if (!g.mounts.any || (await g.vfs.find(path, 'inspect_get_icon')) === undefined) return undefined;
  const file = await g.vfs.open(path, 'inspect_get_icon').catch(() => undefined);
  if (file === undefined || file.stat.size > MAX_ICON) return undefined;
  const bytes = await file.read(0, file.stat.size);
  return equalBytes(bytes.subarray(0, PNG.length), PNG) ? bytes.slice() : undefined;
}
