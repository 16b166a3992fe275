import type { Application, FileTree } from '@vmcraft/core';
import { readStanzas } from './stanzas.js';

const STATUS = '/var/lib/dpkg/status';
const STATUS_FOLDER = '/var/lib/dpkg/status.d';

/** Installed packages of dpkg: the status database, and the split one of distroless images. */
export async function readDpkg(tree: FileTree): Promise<readonly Application[]> {
  const found: Application[] = [];
  for await (const stanza of readStanzas(tree.stream(STATUS))) {
    if (/\binstalled$/.test(stanza.get('Status') ?? '') && !/not-installed/.test(stanza.get('Status') ?? ''))
      add(found, stanza);
  }
  for (const name of await tree.list(STATUS_FOLDER)) {
    if (name.endsWith('.md5sums')) continue;
    for await (const stanza of readStanzas(tree.stream(`${STATUS_FOLDER}/${name}`))) add(found, stanza);
  }
  return found;
}

function add(found: Application[], stanza: ReadonlyMap<string, string>): void {
  const name = stanza.get('Package');
  const version = splitDebianVersion(stanza.get('Version') ?? '');
  if (name === undefined) return;
  const [summary = '', ...rest] = (stanza.get('Description') ?? '').split('\n');
  const source = stanza.get('Source')?.replace(/\s*\(.*\)$/, '');
  found.push({
    name,
    ...version,
    ...optional('arch', stanza.get('Architecture')),
    ...optional('publisher', stanza.get('Maintainer')),
    ...optional('url', stanza.get('Homepage')),
    ...optional('sourcePackage', source),
    ...optional('summary', summary),
    ...optional('description', rest.map((l) => (l.trim() === '.' ? '' : l.replace(/^ /, ''))).join('\n')),
  });
}

function optional<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined || value === '' ? {} : ({ [key]: value } as Record<K, string>);
}

/** `[epoch:]upstream-version[-debian-revision]`, deb-version(7). */
export function splitDebianVersion(text: string): { epoch?: number; version: string; release?: string } {
  const colon = text.indexOf(':');
  const epoch = colon > 0 && /^\d+$/.test(text.slice(0, colon)) ? Number(text.slice(0, colon)) : undefined;
  const rest = epoch === undefined ? text : text.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    ...(epoch === undefined ? {} : { epoch }),
    version: dash < 0 ? rest : rest.slice(0, dash),
    ...(dash < 0 ? {} : { release: rest.slice(dash + 1) }),
  };
}
