"""Makes an NBD export a device: by the kernel's nbd, or by a FUSE export of qemu-storage-daemon and, for root, a loop device on it."""

import errno
import fcntl
import glob
import os
import signal
import socket
import struct
import subprocess
import threading
import time

from . import daemons, linux

LOOP_CTL_GET_FREE, LOOP_CONFIGURE = 0x4C82, 0x4C0A
LO_FLAGS_READ_ONLY, LO_FLAGS_AUTOCLEAR = 1, 4
NBD_SET_SOCK, NBD_SET_BLKSIZE, NBD_DO_IT, NBD_CLEAR_SOCK = 0xAB00, 0xAB01, 0xAB03, 0xAB04
NBD_SET_SIZE_BLOCKS, NBD_DISCONNECT, NBD_SET_FLAGS = 0xAB07, 0xAB08, 0xAB0A
READY_SECONDS = 20


class Failed(Exception):
    """The host refuses; the text is for people."""


def wait_until(condition, what, process=None):
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        if process is not None and process.poll() is not None:
            raise Failed(f'{what}: {process.communicate()[1].decode(errors="replace").strip() or "it ended at once"}')
        if time.monotonic() > deadline:
            raise Failed(f'{what}: nothing happened for {READY_SECONDS} s')
        time.sleep(0.005)


def lock_against_udev(fd):
    """udev probes no block device that is locked (systemd, "Locking Block Device Access"); LVM and md are started by udev alone."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass


class LoopDevice:
    """A loop device that goes away with its last user, us or a mount."""

    def __init__(self, backing, readonly, offset=0, size=0, sector=512):
        self.path, self.fd = self._configure(backing, readonly, offset, size, sector)

    def _configure(self, backing, readonly, offset, size, sector):
        file = os.open(backing, (os.O_RDONLY if readonly else os.O_RDWR) | os.O_CLOEXEC)
        control = os.open('/dev/loop-control', os.O_RDWR | os.O_CLOEXEC)
        try:
            for _ in range(64):
                number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
                path = f'/dev/loop{number}'
                if not os.path.exists(path):
                    os.mknod(path, 0o60600, os.makedev(7, number))
                fd = os.open(path, (os.O_RDONLY if readonly else os.O_RDWR) | os.O_CLOEXEC)
                lock_against_udev(fd)
                flags = LO_FLAGS_AUTOCLEAR | (LO_FLAGS_READ_ONLY if readonly else 0)
                name = os.fsencode(backing)[-63:]
                info = struct.pack('=5Q4I64s64s32s2Q', 0, 0, 0, offset, size, 0, 0, 0, flags, name, b'', b'', 0, 0)
                try:
                    fcntl.ioctl(fd, LOOP_CONFIGURE, struct.pack('=II', file, sector) + info + bytes(64))
                    return path, fd
                except OSError as error:
                    os.close(fd)
                    # Somebody else took it between the two calls.
                    if error.errno != errno.EBUSY:
                        raise Failed(f'no loop device: {error.strerror}') from error
            raise Failed('no loop device: all that were free were taken by others')
        finally:
            os.close(file)
            os.close(control)

    def close(self):
        os.close(self.fd)
        state = f'/sys/block/{os.path.basename(self.path)}/loop'
        deadline = time.monotonic() + READY_SECONDS
        while os.path.exists(state) and time.monotonic() < deadline:
            time.sleep(0.005)


class FuseExport:
    """qemu-storage-daemon shows the export as a file; for root a loop device lies on it."""

    def __init__(self, m, folder):
        self.file = os.path.join(folder, daemons.SHARED, f'export-{m["attachment"]}')
        os.close(os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        node = f'driver=nbd,node-name=disk,server.type=unix,server.path={m["socket"].replace(",", ",,")},discard=unmap'
        export = f'type=fuse,id=export,node-name=disk,mountpoint={self.file.replace(",", ",,")}'
        readonly = m['readonly']
        command = [m['program'], '--blockdev', node + (',read-only=on' if readonly else ''),
                   '--export', export + ('' if readonly else ',writable=on')]
        self.process = daemons.start(command)
        self.loop = None
        try:
            wait_until(lambda: os.path.ismount(self.file) or os.stat(self.file).st_size == m['size'],
                       'qemu-storage-daemon', self.process)
            wait_until(lambda: os.stat(self.file).st_size == m['size'], 'qemu-storage-daemon', self.process)
            daemons.isolate(self.process, folder)
            if m['loop']:
                self.loop = LoopDevice(self.file, readonly, sector=m['sector'])
        except BaseException:
            self.close()
            raise

    @property
    def path(self):
        return self.file if self.loop is None else self.loop.path

    def close(self):
        if self.loop is not None:
            self.loop.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        try:
            linux.umount(self.file, linux.MNT_DETACH)
        except OSError:
            pass
        os.unlink(self.file)


class PlainLoop:
    """A loop device straight on a host file, for devices that are one and are not written."""

    def __init__(self, m, _folder):
        self.loop = LoopDevice(m['file'], m['readonly'], m['offset'], m['size'], m['sector'])
        self.path = self.loop.path

    def close(self):
        self.loop.close()


class KernelNbd:
    """/dev/nbdN by the ioctls of the kernel. It is connected as long as a thread of ours is in NBD_DO_IT: no longer than we live."""

    def __init__(self, m, _folder):
        self.message = m
        self.stream, self.flags = connect(m['socket'])
        self.failure = None
        self.fd = None
        self.path = None
        self.started = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        self.started.wait()
        if self.failure is not None:
            self.stream.close()
            raise Failed(self.failure)
        name = os.path.basename(self.path)
        size = m['size'] // 512
        # The ioctl returns only at the end: the device is ready when the kernel shows its size.
        wait_until(lambda: read_number(f'/sys/block/{name}/size') == size and os.path.exists(f'/sys/block/{name}/pid'), name)

    def _serve(self):
        """Setting up and serving must be one thread: the kernel lets only the task that gave the socket go on, so no two share a device."""
        try:
            self._take()
        except (OSError, Failed) as error:
            self.failure = f'no nbd device: {error}'
            self.started.set()
            return
        self.started.set()
        try:
            fcntl.ioctl(self.fd, NBD_DO_IT)
        except OSError:
            pass
        for request in (NBD_CLEAR_SOCK,):
            try:
                fcntl.ioctl(self.fd, request)
            except OSError:
                pass

    def _take(self):
        m = self.message
        devices = sorted(glob.glob('/sys/block/nbd*'), key=lambda p: int(os.path.basename(p)[3:]))
        for at in devices:
            if os.path.exists(f'{at}/pid'):
                continue
            path = f'/dev/{os.path.basename(at)}'
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            lock_against_udev(fd)
            try:
                fcntl.ioctl(fd, NBD_SET_SOCK, self.stream.fileno())
            except OSError as error:
                os.close(fd)
                if error.errno in (errno.EBUSY, errno.EINVAL):
                    continue
                raise
            self.fd, self.path = fd, path
            fcntl.ioctl(fd, NBD_SET_BLKSIZE, m['sector'])
            fcntl.ioctl(fd, NBD_SET_SIZE_BLOCKS, m['size'] // m['sector'])
            fcntl.ioctl(fd, NBD_SET_FLAGS, self.flags)
            return
        raise Failed('every /dev/nbdN is in use' if devices else 'the kernel has no nbd')

    def close(self):
        try:
            fcntl.ioctl(self.fd, NBD_DISCONNECT)
        except OSError:
            pass
        self.thread.join(READY_SECONDS)
        self.stream.close()
        os.close(self.fd)


def connect(path):
    """Choose the default export by NBD_OPT_EXPORT_NAME; gives the socket in the transmission phase, and the transmission flags."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.settimeout(READY_SECONDS)
    stream.connect(path)
    magic, option, _flags = struct.unpack('>QQH', receive(stream, 18))
    if magic != 0x4E42444D41474943 or option != 0x49484156454F5054:
        raise Failed('no NBD server answers')
    stream.sendall(struct.pack('>IQII', 3, 0x49484156454F5054, 1, 0))
    _size, flags = struct.unpack('>QH', receive(stream, 10))
    stream.settimeout(None)
    return stream, flags


def receive(stream, length):
    data = b''
    while len(data) < length:
        part = stream.recv(length - len(data))
        if not part:
            raise Failed('the NBD server hung up')
        data += part
    return data


def read_number(path):
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):
        return -1


WAYS = {'nbd': KernelNbd, 'fuse': FuseExport, 'file': PlainLoop}
