"""Helper of @vmcraft/fs-host: what Node has no calls for (namespaces, mounts, loop and nbd devices, openat, extended attributes).

It runs as the first process of its own mount and PID namespace and speaks frames over standard input and output (see frames.py). When
its standard input ends it undoes everything and leaves; when it is killed, the kernel ends the namespaces and with them every mount,
loop device and process in them.
"""
