/** Shown after `vmcraft --help`. */
export const ROOT_HELP = `Look at a disk:
  $ vmcraft inspect disk.qcow2                    which system, version, packages
  $ vmcraft filesystems --long disk.qcow2         what is on it
  $ vmcraft cat disk.qcow2 /etc/hostname          one file
  $ vmcraft copy-out disk.qcow2 /var/log ./logs   a whole directory

Change it (one transaction: all of it or nothing is written):
  $ vmcraft --rw -a disk.qcow2 -i --run 'write /etc/hostname "web1\\n"'
  $ vmcraft copy-in disk.qcow2 authorized_keys /root/.ssh

Use it like guestfish:
  $ vmcraft --ro -a disk.qcow2 -i                 a shell; 'help' lists its commands
  $ vmcraft -a disk.qcow2 run : list-filesystems
  $ vmcraft -N fs:ext4:64M -m /dev/sda1 touch /hello

  vmcraft help TASK       options and examples of a task
  vmcraft help COMMAND    documentation of a command of the shell
  vmcraft --cmd-help      all commands of the shell
  vmcraft --shell-help    options of the shell
`;

/** Examples of each task. */
export const TASK_EXAMPLES: Readonly<Record<string, string>> = {
  inspect: `Examples:
  $ vmcraft inspect disk.qcow2
  $ vmcraft inspect --json disk.qcow2 | jq '.operatingSystems[].hostname.value'
  $ vmcraft inspect --xml -a system.img -a data.img   two disks of one guest`,
  filesystems: `Examples:
  $ vmcraft filesystems disk.qcow2
  $ vmcraft filesystems --all --long -h --uuids disk.qcow2
  $ vmcraft filesystems --json disk.qcow2 | jq '.filesystems[] | select(.vfs == "ext4")'`,
  registry: `Examples:
  $ vmcraft registry win.qcow2 --reg-read SOFTWARE 'Microsoft\\Windows NT\\CurrentVersion' ProductName
  $ vmcraft registry win.qcow2 --reg-write SYSTEM 'CurrentControlSet\\Services\\viostor' Start dword:0
  $ vmcraft registry win.qcow2 --reg-import changes.reg --reg-list SYSTEM Select
  $ vmcraft registry -w win.qcow2 NTUSER.DAT:Alice     a shell: cd, ls, lsval, setval, add, del, commit`,
  df: `Examples:
  $ vmcraft df -h disk.qcow2
  $ vmcraft df --json disk.qcow2 | jq '.filesystems[].usePercent'`,
  ls: `Examples:
  $ vmcraft ls disk.qcow2 /etc
  $ vmcraft ls -lR --checksum=sha256 disk.qcow2 /usr/bin
  $ vmcraft ls -a disk.qcow2 -m /dev/sda1 -l /        without looking for a system`,
  cat: `Examples:
  $ vmcraft cat disk.qcow2 /etc/os-release
  $ vmcraft cat -a disk.qcow2 -m /dev/sda2 /boot/grub/grub.cfg`,
  'copy-in': `Examples:
  $ vmcraft copy-in disk.qcow2 ./site /var/www
  $ vmcraft copy-in --dry-run disk.qcow2 id.pub /root/.ssh`,
  'copy-out': `Examples:
  $ vmcraft copy-out disk.qcow2 /etc /var/log ./saved`,
  'tar-in': `Examples:
  $ vmcraft tar-in disk.qcow2 site.tar.gz /var/www
  $ tar -C site -c . | vmcraft tar-in disk.qcow2 - /var/www`,
  'tar-out': `Examples:
  $ vmcraft tar-out disk.qcow2 /home home.tar.zst
  $ vmcraft tar-out disk.qcow2 /etc - | tar t`,
  run: `Examples:
  $ vmcraft run disk.qcow2 -- dpkg -l
  $ vmcraft run --network disk.qcow2 -- apt-get install -y nginx
  $ vmcraft run -a disk.qcow2 -m /dev/vg/root -- /bin/sh -c 'update-initramfs -u && update-grub'`,
  'serve-nbd': `Examples:
  $ vmcraft serve-nbd disk.qcow2 --socket /tmp/disk.sock &
  $ nbdinfo 'nbd+unix:///?socket=/tmp/disk.sock'
  $ vmcraft serve-nbd --device /dev/vg/root --rw --port 10809 disk.qcow2`,
  attach: `Examples:
  # vmcraft attach disk.qcow2 /dev/vg/root &           prints /dev/nbd0 or /dev/loop0; kill it to detach
  # vmcraft attach --rw disk.qcow2 /dev/sda1 &         then: xfs_repair /dev/loop0; kill %1`,
  doctor: `Examples:
  $ vmcraft doctor
  $ vmcraft doctor --json | jq '.providers[] | select(.availability.available | not) | .name'`,
  plugins: `Examples:
  $ vmcraft plugins
  $ vmcraft plugins --explain qcow2`,
  'inject-driver': `Examples:
  $ vmcraft inject-driver disk.qcow2 ./viostor/w10/amd64
  $ vmcraft inject-driver disk.qcow2 ./drivers netkvm.inf`,
  'inject-virtio': `Examples:
  $ vmcraft inject-virtio disk.qcow2 virtio-win.iso
  $ vmcraft inject-virtio --driver viostor --driver netkvm disk.qcow2 ./virtio-win
  $ vmcraft doctor --boot disk.qcow2                 then it boots from virtio`,
  'prepare-boot': `Examples:
  $ vmcraft prepare-boot --all disk.qcow2
  $ vmcraft prepare-boot --stay-on-error --fallback-loader disk.qcow2`,
  firstboot: `Examples:
  $ vmcraft firstboot disk.qcow2 setup.ps1 cleanup.cmd`,
  'reset-password': `Examples:
  $ vmcraft reset-password disk.qcow2 Administrator
  $ vmcraft reset-password --password-file secret.txt disk.qcow2 Administrator`,
  'set-service': `Examples:
  $ vmcraft set-service disk.qcow2 wuauserv disabled`,
};
