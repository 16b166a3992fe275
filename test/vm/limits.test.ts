// Limits of commands by control groups of version 2, as hosts with systemd have them.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasVm, inVm } from './vm.js';

const LIMIT = 300;
const HELPER = join(import.meta.dirname, '../../packages/fs-host/helper');

/** A process of a service, as systemd starts it: in a group of its own, which shares nothing out. */
const SERVICE = `
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup || exit 1
echo '+memory +pids' > /sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/a.service && echo $$ > /sys/fs/cgroup/a.service/cgroup.procs
`;
const PROGRAM = `
import os, sys, time
sys.path.insert(0, sys.argv[1])
from vmcraft_host.limits import Limits

def limited(work):
    limits = Limits("vmcraft-host-1-aa-1", 64 << 20, 20, ["memory", "processes"], True)
    print(limits.groups, sorted(limits.left))
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        limits.enter()
        limits.apply()
        os.write(write, work().encode())
        os._exit(0)
    os.close(write)
    _, status = os.waitpid(pid, 0)
    print(os.WTERMSIG(status), limits.exceeded(), os.read(read, 100).decode())
    limits.close()
    print(os.listdir("/sys/fs/cgroup").count("vmcraft-host-1-aa-1"))

def eat():
    kept = []
    while len(kept) < 500:
        kept.append(b"x" * (1 << 20))
    return "ate"

def bomb():
    made = []
    try:
        while True:
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            made.append(pid)
    except OSError as error:
        for pid in made:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        return f"{len(made)} {error.strerror}"

limited(eat)
limited(bomb)
`;

describe.runIf(hasVm('python3'))('limits by control groups of version 2', () => {
  it(
    'hold memory and processes beside the group of our own process, and leave no group',
    async () => {
      const script = `${SERVICE}\npython3 -c '${PROGRAM}' ${HELPER}`;
      const { status, stdout, stderr } = await inVm(script, { seconds: LIMIT, memory: 512 });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const group = "['/sys/fs/cgroup/vmcraft-host-1-aa-1'] []";
      // Two of the processes are ours, and one is the program.
      expect(stdout.trim().split('\n')).toEqual([
        group,
        '9 True ',
        '0',
        group,
        '0 False 21 Resource temporarily unavailable',
        '0',
      ]);
    },
    (LIMIT + 60) * 1000,
  );
});
