// What a command may take of this host: a memory eater, a fork bomb, and what is left of their limits.
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from '../../vmcraft/src/index.js';
import { OrdinaryUser, USER_NEEDS } from './ordinary-user.js';
import { GUEST_NEEDS, smallGuest } from './small-guest.js';
import { run, type TestImage, traces } from './support.js';

const MIB = 1024 * 1024;
/** Takes memory without end, in one process. */
const EATER = 'my @all; push @all, "x" x 4_000_000 . @all for 1..2000; print "ate ", scalar @all;';
/** Makes processes that stay, until none can be made any more; tells how many there were. */
const BOMB =
  '$| = 1; my $n = 0; while (1) { my $p = fork; last unless defined $p; sleep 60, exit unless $p; $n++ } print "$n $!";';

describe.runIf(requireTools(...GUEST_NEEDS))('limits of a command', { timeout: 120_000 }, () => {
  let image: TestImage;
  let g: GuestFS;

  beforeAll(async () => {
    image = await smallGuest(false);
    g = await GuestFS.open(image.path, { format: 'raw' });
    await g.mount('/dev/sda', '/');
  });

  afterAll(async () => {
    await g.close();
    expect(await traces()).toEqual([]);
    await image.dispose();
  });

  it('memory: all of its processes together are killed at it, and the error says so', async () => {
    const { commands } = g.session;
    await expect(commands.run(['perl', '-e', EATER], { memoryLimit: 128 * MIB })).rejects.toMatchObject({
      code: 'VMC_LIMIT',
      data: { option: 'memoryLimit', max: 128 * MIB },
    });
    const several = `for (1..8) { unless (fork) { my $x = "x" x ${24 * MIB}; sleep 5; exit } } wait for 1..8; print "all";`;
    await expect(commands.run(['perl', '-e', several], { memoryLimit: 128 * MIB })).rejects.toThrow(/memoryLimit/);
    const small = `my $x = "x" x ${16 * MIB}; print length $x`;
    expect((await commands.run(['perl', '-e', small], { memoryLimit: 128 * MIB })).status).toBe(0);
  });

  it('processes: a fork bomb gets so many and no more', async () => {
    const { status, stdout } = await g.session.commands.run(['perl', '-e', BOMB], { processLimit: 50 });
    expect(status).toBe(0);
    expect(new TextDecoder().decode(stdout)).toMatch(/^49 Resource temporarily unavailable/);
    const bomb = 'bomb() { bomb | bomb & }; bomb; sleep 1; echo over';
    const said = await g.session.commands.run(['sh', '-c', bomb], { processLimit: 100, timeout: 20_000 });
    expect(new TextDecoder().decode(said.stderr)).toMatch(/can't fork/);
    expect(await g.sh('ls /proc | grep -c "^[0-9]"')).toMatch(/^[2-5]\n$/);
  });

  it('both have a limit that nobody asked for', async () => {
    const { stdout } = await g.session.commands.run(['perl', '-e', BOMB]);
    expect(new TextDecoder().decode(stdout)).toMatch(/^409[0-9] Resource temporarily unavailable/);
  });

  it('actions and the command line have them, too', async () => {
    await expect(g.command(['perl', '-e', EATER], { memorylimit: 128 * MIB })).rejects.toThrow(/memory of the command/);
    expect(await g.sh(`perl -e '${BOMB}'`, { processlimit: 20 })).toMatch(/^1[789] Resource/);
    await expect(g.sh('true', { memorylimit: 1000 })).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(g.sh('true', { processlimit: -1 })).rejects.toMatchObject({ code: 'VMC_USAGE' });
  });

  it('leaves no core to a handler of this host', async () => {
    const limits = async (script: string): Promise<string> =>
      /Max core file size\s+(\S+\s+\S+)/.exec(await g.sh(script))?.[1] ?? '';
    expect(await limits('cat /proc/self/limits')).toMatch(/^1\s+1$/);
    expect(await limits('ulimit -c 0; cat /proc/self/limits')).toMatch(/^1\s+1$/);
    expect(
      await g.sh('ulimit -n 100; ulimit -n; perl -e "kill 11, \\$\\$"; echo $?; ls -a / | grep -c core || true'),
    ).toMatch(/^100\n139\n0\n$/);
  });
});

describe.runIf(requireTools(...GUEST_NEEDS, ...USER_NEEDS))(
  'limits of a command without root',
  { timeout: 120_000 },
  () => {
    let image: TestImage;
    let user: OrdinaryUser;

    beforeAll(async () => {
      image = await smallGuest(false);
      user = await OrdinaryUser.create();
      await run('cp', [image.path, user.at('disk.raw')]);
      await user.give('disk.raw');
    });

    afterAll(async () => {
      await image.dispose();
      await user.dispose();
    });

    it('hold for each process, and for the processes of each user', async () => {
      const words = ['run', user.at('disk.raw'), '--image-format', 'raw', '-m', '/dev/sda'];
      const eater = await user.vmcraft([...words, '--memory-limit', '128M', '--', 'perl', '-e', EATER]);
      expect(eater.status).not.toBe(0);
      expect(eater.stderr).toMatch(/Out of memory/);
      const bomb = await user.vmcraft([...words, '--process-limit', '50', '--', 'perl', '-e', BOMB]);
      expect(bomb.stdout).toMatch(/^\d{2,3} Resource temporarily unavailable/);
      expect(await traces(bomb.pid)).toEqual([]);
    });
  },
);
