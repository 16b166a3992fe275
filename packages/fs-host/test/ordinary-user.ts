import { execFile, spawn } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What being somebody else needs. */
export const USER_NEEDS = ['root', 'unshare', 'setpriv', 'newuidmap', 'fuse2fs', 'qemu-storage-daemon', 'python3'];

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const USER = 'vmcraft-test';
const UID = 61_234;
const FIRST_SUBORDINATE = 3_000_000;

/**
 * Everything is in a mount namespace that ends with the command: the host's own users and programs stay as they are. The repository and Node are
 * bound where an ordinary user reaches them, wherever they lie.
 */
const BECOME = `set -e
cd "$1"; shift
mount --bind passwd /etc/passwd
for name in subuid subgid; do [ -e /etc/$name ] || : > /etc/$name; mount --bind $name /etc/$name; done
mount --bind "$1" repository; mount --bind "$2" node; shift 2
while [ "$1" != -- ]; do [ ! -e "$1" ] || mount --bind "$(dirname "$0")/$2" "$1"; shift 2; done
shift
exec setpriv --reuid=${UID} --regid=${UID} --clear-groups --inh-caps=-all "$@"`;

/** What a command of that user gave. */
export interface UserResult {
  readonly pid: number;
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How the host looks to the user. */
export interface UserHost {
  /** Whether /etc/passwd knows the user; true unless said. */
  readonly isKnown?: boolean;
  /** Whether there is a range of subordinate ids; true unless said. */
  readonly hasRange?: boolean;
  /** Files of the host that the user cannot use: programs count as not installed. */
  readonly without?: readonly string[];
  /** A command that runs the program instead, as `unshare` does. */
  readonly within?: readonly string[];
  /** Further variables of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What other files of the host say. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A folder in which an ordinary user without any privilege runs commands. */
export class OrdinaryUser {
  private constructor(readonly folder: string) {}

  static async create(): Promise<OrdinaryUser> {
    const folder = await mkdtemp(join(tmpdir(), 'vmcraft-user-test-'));
    await chmod(folder, 0o755);
    await mkdir(join(folder, 'repository'));
    await mkdir(join(folder, 'home'));
    await chown(join(folder, 'home'), UID, UID);
    await writeFile(join(folder, 'node'), '');
    await writeFile(join(folder, 'nothing'), '', { mode: 0o600 });
    // Building is not for somebody who may not write here.
    await promisify(execFile)(process.execPath, [join(REPOSITORY, 'bin/vmcraft'), '--version']);
    return new OrdinaryUser(folder);
  }

  /** A path in a folder of the user. */
  at(name: string): string {
    return join(this.folder, 'home', name);
  }

  /** Give the user a file. */
  async give(name: string): Promise<string> {
    await chown(this.at(name), UID, UID);
    return this.at(name);
  }

  /** `vmcraft` as that user. */
  async vmcraft(words: readonly string[], host: UserHost = {}): Promise<UserResult> {
    const { isKnown = true, hasRange = true, without = [], files = {}, env = {}, within = [] } = host;
    const users = await readFile('/etc/passwd', 'utf8');
    const entry = `${USER}:x:${UID}:${UID}::${this.at('')}:/bin/sh\n`;
    await writeFile(join(this.folder, 'passwd'), isKnown ? users + entry : users);
    for (const name of ['subuid', 'subgid'])
      await writeFile(join(this.folder, name), hasRange ? `${USER}:${FIRST_SUBORDINATE}:65536\n` : '');
    const over = without.flatMap((path) => [path, 'nothing']);
    for (const [i, [path, text]] of Object.entries(files).entries()) {
      await writeFile(join(this.folder, `file${i}`), text);
      over.push(path, `file${i}`);
    }
    const become = ['--mount', '--propagation', 'private', 'sh', '-c', BECOME, join(this.folder, 'x')];
    const program = [join(this.folder, 'node'), join(this.folder, 'repository/bin/vmcraft')];
    return collect(
      'unshare',
      [...become, this.folder, REPOSITORY, process.execPath, ...over, '--', ...within, ...program, ...words],
      { HOME: this.at(''), ...env },
    );
  }

  async dispose(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

function collect(
  program: string,
  words: readonly string[],
  own: Readonly<Record<string, string>>,
): Promise<UserResult> {
  const env = { PATH: '/usr/bin:/bin', TMPDIR: tmpdir(), LC_ALL: 'C.UTF-8', ...own };
  const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const text: [string, string] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (text[0] += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text[1] += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ pid: child.pid ?? 0, status, stdout: text[0], stderr: text[1] }));
  });
}
