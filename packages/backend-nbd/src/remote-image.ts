import { CapabilityError, HostError, UsageError } from '@vmcraft/core';
import { execa } from 'execa';
import { parseInfo, type QemuImageInfo } from './qemu-img.js';
import { parseRemoteUri, type RemoteNode } from './remote-uri.js';

/** A remote image, ready for qemu's programs. */
export interface RemoteImage {
  readonly uri: string;
  readonly node: RemoteNode;
  /** Base64, as qemu's secret objects take it. */
  readonly secret?: string;
}

/** Id of the one secret object. */
const SECRET_ID = 'vmcraft-secret';
/** Formats whose images may name a backing file, which qemu would follow anywhere. */
const WITH_BACKING: readonly string[] = ['qcow', 'qcow2', 'qed', 'vmdk'];

/** @throws UsageError, UnsupportedFeatureError */
export function remoteImage(uri: string, secret: string | undefined): RemoteImage {
  const node = parseRemoteUri(uri);
  if (secret === undefined) return { uri, node };
  if (node.secretOption === undefined) {
    throw new UsageError(`${uri}: a password cannot be given for this protocol; use an agent`, { argument: 'secret' });
  }
  const bytes = Buffer.from(secret, 'utf8');
  return { uri, node, secret: node.isBase64Secret === true ? secret : bytes.toString('base64') };
}

/** Arguments that make the secret known: qemu reads it from its standard input, so that it is on no command line. */
export function secretArguments({ secret }: RemoteImage): readonly string[] {
  return secret === undefined ? [] : ['--object', `secret,id=${SECRET_ID},format=base64,file=/dev/stdin`];
}

/** qemu's `json:` name of the image; without a format qemu looks at the bytes. */
export function remoteFilename({ node, secret }: RemoteImage, format?: string): string {
  const file = {
    ...node.options,
    ...(secret === undefined ? {} : { [node.secretOption as string]: SECRET_ID }),
  };
  if (format === undefined) return `json:${JSON.stringify({ file })}`;
  const backing = WITH_BACKING.includes(format) ? { backing: null } : {};
  return `json:${JSON.stringify({ driver: format, ...backing, file })}`;
}

/** Runs a program with what it reads on a pipe: /dev/stdin cannot be opened again when it is a socket, as Node's pipes are. */
const THROUGH_PIPE = 'cat | "$@"';
/** A server that does not answer is given up after this long, milliseconds. */
const PATIENCE = 60_000;

/**
 * What qemu-img says of a remote image. Images that name other files are refused: qemu would open whatever they name.
 * @throws HostError, CapabilityError
 */
export async function remoteInfo(
  program: string,
  image: RemoteImage,
  format: string | undefined,
  signal?: AbortSignal,
): Promise<QemuImageInfo> {
  const args = ['info', '--output=json', '--force-share', ...secretArguments(image), remoteFilename(image, format)];
  const result = await execa('sh', ['-c', THROUGH_PIPE, 'qemu-img', program, ...args], {
    input: image.secret ?? '',
    reject: false,
    maxBuffer: 4 << 20,
    timeout: PATIENCE,
    env: { LC_ALL: 'C' },
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  if (result.failed) {
    const timedOut = result.timedOut ? `no answer within ${PATIENCE / 1000} s` : '';
    throw remoteFailure(image, timedOut || result.stderr.trim() || `qemu-img ended with status ${result.exitCode}`);
  }
  const info = parseInfo(image.uri, result.stdout);
  refuseReferences(image.uri, info);
  return info;
}

function refuseReferences(uri: string, info: QemuImageInfo): void {
  const data = info['format-specific']?.data ?? {};
  const extents = Array.isArray(data.extents) ? (data.extents as readonly { readonly format?: unknown }[]) : [];
  const named =
    info['backing-filename'] ?? data['data-file'] ?? (extents.length > 1 ? `${extents.length} extents` : undefined);
  if (named === undefined) return;
  throw new CapabilityError({
    capability: 'reference',
    subject: uri,
    reason: `it names '${String(named)}', and what a remote image names is not followed; copy the images here first`,
  });
}

/** An error in the words of qemu, without its own name and without the options it was started with. */
export function remoteFailure({ uri, node }: RemoteImage, stderr: string): Error {
  const last = stderr.split('\n').at(-1) ?? '';
  const reason = last.replace(/^qemu-\w+: /, '').replace(/^Could not open 'json:.*?}':? ?/, '');
  if (/Unknown driver|Unknown protocol|could not be found|Failed to load module/.test(stderr)) {
    const remedy = `qemu has no block driver for it; install qemu-block-extra (${node.module})`;
    return new HostError({ path: uri, operation: 'open', reason: remedy });
  }
  if (
    /authentication fail|failed to authenticate|login (failed|rejected)|\b40[13]\b|permission denied|access denied/i.test(
      last,
    )
  ) {
    return new HostError({ path: uri, operation: 'open', errno: 'EACCES', reason: `the server refuses: ${reason}` });
  }
  const errno = /refused/.test(last) ? 'ECONNREFUSED' : /404|No such file|not found/i.test(last) ? 'ENOENT' : undefined;
  return new HostError({ path: uri, operation: 'open', reason, ...(errno === undefined ? {} : { errno }) });
}
