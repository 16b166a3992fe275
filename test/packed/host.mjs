// What recipes of packed fixtures share: they run as root, and use a kernel's mounts.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BLOCK = 4096;
const ZEROS = Buffer.alloc(BLOCK);

/**
 * Run a recipe in a mount namespace of its own, with a folder that goes away: its mounts are copied into no other namespace that is made
 * meanwhile, which would keep devices busy.
 */
export function withOwnMounts(work) {
  if (process.env.VMCRAFT_OWN_MOUNTS === undefined) {
    const env = { ...process.env, VMCRAFT_OWN_MOUNTS: '1', LC_ALL: 'C.UTF-8' };
    const args = ['--mount', '--propagation', 'private', process.execPath, ...process.argv.slice(1)];
    process.exitCode = spawnSync('unshare', args, { env, stdio: 'inherit' }).status ?? 1;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-fixtures-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Images as loop devices. */
export function withLoops(images, work) {
  const loops = images.map((image) => execFileSync('losetup', ['-f', '--show', image], { encoding: 'utf8' }).trim());
  try {
    return work(loops);
  } finally {
    for (const loop of loops) execFileSync('losetup', ['-d', loop]);
  }
}

/** A line for each object: path, mode, owner, seconds, links, device or size, and the hash of the contents or the target. */
export function treeOf(place, prefix = '') {
  return readdirSync(place).flatMap((name) => {
    const path = join(place, name);
    const { mode, uid, gid, mtimeMs, nlink, rdev, size } = lstatSync(path);
    const kind = mode & 0o170000;
    const parts = [`${prefix}/${name}`, mode.toString(8), `${uid}:${gid}`, Math.floor(mtimeMs / 1000)];
    if (kind !== 0o040000) parts.push(`links=${nlink}`);
    if (kind === 0o020000 || kind === 0o060000)
      parts.push(`${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >> 12) & 0xfff00)}`);
    if (kind === 0o100000) parts.push(size, createHash('sha256').update(readFileSync(path)).digest('hex'));
    if (kind === 0o120000) parts.push(readlinkSync(path));
    // The place of a subvolume that a snapshot does not have shows the time of the look.
    if (`${prefix}/${name}` === '/snap/dir/inner') parts.splice(3, 1, 'now');
    return [parts.join(' '), ...(kind === 0o040000 ? treeOf(path, `${prefix}/${name}`) : [])];
  });
}

export function attributesOf(place) {
  const dump = execFileSync('getfattr', ['-R', '-h', '-d', '-m', '-', '-e', 'hex', '.'], {
    cwd: place,
    encoding: 'utf8',
  });
  return dump.split('\n\n').flatMap((block) => {
    const path = /^# file: (.*)$/m.exec(block)?.[1];
    return [...block.matchAll(/^([^#\n=]+)=0x(.*)$/gm)].map(([, name, value]) => `/${path} ${name}=${short(value)}`);
  });
}

/** A long value by its hash. */
function short(hex) {
  return hex.length <= 64 ? hex : createHash('sha256').update(hex, 'hex').digest('hex');
}

export function lines(all) {
  return `${all.sort().join('\n')}\n`;
}

/**
 * A line of JSON, then blocks of 4096 bytes, each once. For each device the line has its size, and runs: the first block on the device, how
 * many, and which of the blocks that follow is the first.
 */
export function pack(images) {
  const places = new Map();
  const blocks = [];
  const devices = images.map((image) => {
    const data = readFileSync(image);
    const runs = [];
    for (let at = 0; at * BLOCK < data.length; at++) {
      const block = data.subarray(at * BLOCK, (at + 1) * BLOCK);
      if (block.equals(ZEROS)) continue;
      const hash = createHash('sha256').update(block).digest('hex');
      if (!places.has(hash)) places.set(hash, blocks.push(block) - 1);
      const from = places.get(hash);
      const last = runs.at(-1);
      if (last !== undefined && last[0] + last[1] === at && last[2] + last[1] === from) last[1]++;
      else runs.push([at, 1, from]);
    }
    return { size: data.length, runs };
  });
  return gzipSync(Buffer.concat([Buffer.from(`${JSON.stringify({ devices })}\n`), ...blocks]), { level: 9 });
}
