import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostError, LockedError, messageOf } from '@vmcraft/core';
import { execa, type ResultPromise } from 'execa';
import { NbdClient } from './client.js';
import { type RemoteImage, remoteFailure, remoteFilename, secretArguments } from './remote-image.js';

/** What to serve. */
export interface QemuNbdImage {
  /** Absolute host path, or an image of another host. */
  readonly source: string | RemoteImage;
  /** qemu's format name. */
  readonly format: string;
  readonly readonly: boolean;
  /** Internal snapshot, by name or id. */
  readonly snapshot?: string;
}

/** A running qemu-nbd and our connection to it. */
export interface QemuNbd {
  readonly client: NbdClient;
  close(): Promise<void>;
}

/** Socket's name in its private folder. */
const SOCKET = 'nbd';
/** The server must listen within this long, milliseconds. */
const START_TIMEOUT = 15_000;
const POLL = 10;

/**
 * Starts qemu-nbd in a folder that only we can enter, and lives until its standard input ends. When we die, by whatever signal, the pipe
 * closes: the server is ended and its folder removed. When the server ends by itself, the folder is removed too.
 * The first line of its standard input is the secret, or empty; the server gets it on a pipe, as /dev/stdin.
 * Arguments: the folder, then qemu-nbd and its arguments.
 */
const KEEPER = `
dir=$1; shift
umask 177
IFS= read -r secret || exit 1
mkdir -m 700 "$dir" || exit 1
exec 3<&0
printf %s "$secret" | "$@" --socket="$dir/${SOCKET}" 3<&- &
server=$!
{ read -r line; kill "$server"; } <&3 2>/dev/null &
watch=$!
wait "$server"; status=$?
kill "$watch" 2>/dev/null
rm -rf "$dir"
exit "$status"
`;

/** Its own process group: an interrupt typed at the terminal must not end the server in the middle of a commit. */
const KEEPER_OPTIONS = {
  stdin: 'pipe',
  stdout: 'ignore',
  detached: true,
  cleanup: false,
  reject: false,
  maxBuffer: 64 * 1024,
  env: { LC_ALL: 'C' },
} as const;

/** Serve an image on a private socket and connect to it. @throws HostError, LockedError */
export async function startQemuNbd(program: string, image: QemuNbdImage): Promise<QemuNbd> {
  const folder = join(tmpdir(), `vmcraft-nbd-${process.pid}-${randomBytes(6).toString('hex')}`);
  const script = ['-c', KEEPER, 'qemu-nbd-keeper', folder, program, ...serverArguments(image)];
  const keeper = execa('sh', script, KEEPER_OPTIONS);
  keeper.catch(() => undefined);
  keeper.stdin.write(`${typeof image.source === 'string' ? '' : (image.source.secret ?? '')}\n`);
  const ended = keeper.then((result) => serverFailure(image.source, result.exitCode, result.stderr));
  try {
    const client = await connectWhenReady(join(folder, SOCKET), ended);
    // Node must be able to exit while the server waits for us.
    keeper.unref();
    return { client, close: () => stop(keeper, client) };
  } catch (error) {
    await stop(keeper, undefined);
    throw error;
  }
}

function serverArguments({ source, format, readonly, snapshot }: QemuNbdImage): string[] {
  return [
    '--shared=1',
    '--discard=unmap',
    '--cache=writeback',
    ...(readonly ? ['--read-only'] : []),
    ...(snapshot === undefined ? [] : [`--load-snapshot=${snapshotOption(snapshot)}`]),
    ...(typeof source === 'string'
      ? ['--image-opts', `driver=${format},file.driver=file,file.filename=${source.replaceAll(',', ',,')}`]
      : [...secretArguments(source), remoteFilename(source, format)]),
  ];
}

/** qemu-nbd takes `snapshot.id=…` or `snapshot.name=…`; a comma in a name is doubled. */
function snapshotOption(snapshot: string): string {
  return `snapshot.name=${snapshot.replaceAll(',', ',,')}`;
}

async function connectWhenReady(socket: string, ended: Promise<Error>): Promise<NbdClient> {
  const deadline = Date.now() + START_TIMEOUT;
  let over: Error | undefined;
  void ended.then((error) => {
    over = error;
  });
  for (;;) {
    try {
      return await NbdClient.connect({ socket, exportName: '' });
    } catch (error) {
      const waiting = error instanceof HostError && ['ENOENT', 'ECONNREFUSED'].includes(String(error.data.errno));
      if (over !== undefined) throw over;
      if (!waiting || Date.now() > deadline) throw (await settled(ended)) ?? error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

/** The server's own reason if it ends within a moment. */
function settled(ended: Promise<Error>): Promise<Error | undefined> {
  const MOMENT = 200;
  return Promise.race([ended, new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), MOMENT))]);
}

function serverFailure(source: string | RemoteImage, status: number | undefined, stderr: string): Error {
  if (typeof source !== 'string') return remoteFailure(source, stderr.trim() || `qemu-nbd ended with status ${status}`);
  const path = source;
  const reason =
    stderr
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^qemu-nbd: /, '') ?? '';
  if (/Failed to get .*lock|Is another process using the image/.test(stderr)) {
    return new LockedError({
      path,
      reason: 'another process uses the image',
      force: 'opening read-only or ending that process',
    });
  }
  const errno = /No space left/.test(stderr) ? 'ENOSPC' : /Permission denied/.test(stderr) ? 'EACCES' : undefined;
  return new HostError({
    path,
    operation: 'qemu-nbd',
    reason: reason === '' ? `ended with status ${status}` : reason,
    ...(errno === undefined ? {} : { errno }),
  });
}

async function stop(keeper: ResultPromise<typeof KEEPER_OPTIONS>, client: NbdClient | undefined): Promise<void> {
  const failures: unknown[] = [];
  // qemu-nbd ends when its only client hangs up, after writing everything to the image.
  await client?.close().catch((error: unknown) => failures.push(error));
  const GRACE = 10_000;
  const timer = setTimeout(() => keeper.stdin.end(), client === undefined ? 0 : GRACE);
  await keeper;
  clearTimeout(timer);
  keeper.stdin.destroy();
  if (failures.length > 0)
    throw new HostError({ path: 'qemu-nbd', operation: 'close', reason: messageOf(failures[0]) }, failures[0]);
}
