import type { Application, FileTree } from '@vmcraft/core';
import { readStanzas } from './stanzas.js';

/** Where apk keeps its database; newer releases moved it below /usr. */
const DATABASES = ['/lib/apk/db/installed', '/usr/lib/apk/db/installed'];

/** Installed packages of apk: one-letter fields of the installed database (Alpine wiki "Apk spec"). */
export async function readApk(tree: FileTree): Promise<readonly Application[]> {
  const found: Application[] = [];
  for (const path of DATABASES) {
    if (!(await tree.isFile(path))) continue;
    for await (const stanza of readStanzas(tree.stream(path))) {
      const name = stanza.get('P');
      if (name !== undefined && stanza.get('V') !== undefined) found.push(application(name, stanza));
    }
    return found;
  }
  return found;
}

function application(name: string, stanza: ReadonlyMap<string, string>): Application {
  const match = /^(.*?)(?:-(r\d+))?$/.exec(stanza.get('V') ?? '') as RegExpExecArray;
  const value = (key: string): string | undefined => stanza.get(key) || undefined;
  const arch = value('A');
  const summary = value('T');
  const url = value('U');
  const sourcePackage = value('o');
  const publisher = value('m');
  return {
    name,
    version: match[1] as string,
    ...(match[2] === undefined ? {} : { release: match[2] }),
    ...(arch === undefined ? {} : { arch }),
    ...(summary === undefined ? {} : { summary }),
    ...(url === undefined ? {} : { url }),
    ...(sourcePackage === undefined ? {} : { sourcePackage }),
    ...(publisher === undefined ? {} : { publisher }),
  };
}
