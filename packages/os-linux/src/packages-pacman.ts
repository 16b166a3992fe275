import type { Application, FileTree } from '@vmcraft/core';

const LOCAL = '/var/lib/pacman/local';
/** A desc file is a few KiB. */
const DESC_LIMIT = 256 * 1024;

/** Installed packages of pacman: one folder a package with a `desc` file of `%FIELD%` blocks (libalpm local database). */
export async function readPacman(tree: FileTree): Promise<readonly Application[]> {
  const found: Application[] = [];
  for (const folder of await tree.list(LOCAL)) {
    const desc = await tree.read(`${LOCAL}/${folder}/desc`, DESC_LIMIT);
    if (desc === undefined) continue;
    const fields = readBlocks(desc);
    const name = fields.get('NAME');
    if (name !== undefined) found.push(application(name, fields));
  }
  return found;
}

function readBlocks(desc: Uint8Array): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let key: string | undefined;
  for (const line of new TextDecoder().decode(desc).split('\n')) {
    const header = /^%([A-Z0-9]+)%$/.exec(line);
    if (header !== null) key = header[1];
    else if (line !== '' && key !== undefined && !fields.has(key)) fields.set(key, line);
  }
  return fields;
}

function application(name: string, fields: ReadonlyMap<string, string>): Application {
  const match = /^(?:(\d+):)?(.*?)(?:-([^-]+))?$/.exec(fields.get('VERSION') ?? '') as RegExpExecArray;
  const arch = fields.get('ARCH');
  const url = fields.get('URL');
  const summary = fields.get('DESC');
  const sourcePackage = fields.get('BASE');
  const publisher = fields.get('PACKAGER');
  return {
    name,
    ...(match[1] === undefined ? {} : { epoch: Number(match[1]) }),
    version: match[2] as string,
    ...(match[3] === undefined ? {} : { release: match[3] }),
    ...(arch === undefined ? {} : { arch }),
    ...(url === undefined ? {} : { url }),
    ...(summary === undefined ? {} : { summary }),
    ...(sourcePackage === undefined ? {} : { sourcePackage }),
    ...(publisher === undefined ? {} : { publisher }),
  };
}
