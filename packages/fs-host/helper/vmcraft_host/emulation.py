"""Programs for another processor, in a namespace that knows qemu's emulator. The host's own table of formats is not touched."""

import os

from . import linux
from .devices import Failed

# qemu-user-static: one line in the form of the kernel's binfmt_misc for each processor.
FORMATS = '/usr/lib/binfmt.d'
ALL_IDS = '0 0 4294967295'


def own_users():
    """A user namespace in which every id is what it was: its table of formats is its own (Linux 6.7)."""
    itself = os.open('/proc/self', os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    wait_read, wait_write = os.pipe2(os.O_CLOEXEC)
    mapper = os.fork()
    if mapper == 0:
        os.close(wait_write)
        os.read(wait_read, 1)
        status = 0
        for name in ('uid_map', 'gid_map'):
            try:
                fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=itself)
                os.write(fd, ALL_IDS.encode())
            except OSError:
                status = 1
        os._exit(status)
    try:
        os.close(wait_read)
        linux.unshare(linux.CLONE_NEWUSER)
    finally:
        os.close(wait_write)
        os.close(itself)
        _, status = os.waitpid(mapper, 0)
    if status != 0:
        raise Failed('a user namespace for the emulator cannot be made')


def register(machine):
    """
    Tell the namespace's table of formats; the emulator is opened now, as it lies outside of the guest. Gives a descriptor: the table is
    there as long as that is open.
    """
    try:
        with open(f'{FORMATS}/qemu-{machine}.conf', 'rb') as file:
            line = next(line for line in file.read().splitlines() if line.startswith(b':qemu-'))
    except (OSError, StopIteration):
        raise Failed(f'qemu-user-static has no emulator for {machine}') from None
    *head, flags = line.split(b':')
    try:
        table = linux.detached_mount('binfmt_misc')
        fd = os.open('register', os.O_WRONLY | os.O_CLOEXEC, dir_fd=table)
        try:
            os.write(fd, b':'.join([*head, flags.replace(b'F', b'') + b'F']))
        except FileExistsError:
            pass  # by another command of this namespace, which runs now
        finally:
            os.close(fd)
        return table
    except OSError as error:
        raise Failed(f'this kernel has no table of formats for a namespace, as Linux 6.7 has: {error.strerror}') from error
