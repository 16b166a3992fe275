/**
 * The process between this one and libguestfs: the library's own Perl binding (package libguestfs-perl, a part of libguestfs), which has
 * every function of whatever version is installed, under its own name, safe for any bytes. It gets calls on its standard input and answers
 * them on its standard output, as ../src/codec.ts describes.
 *
 * It leads a process group with everything that it starts. A second process waits until the pipe at descriptor 3 closes, which it does
 * however VMCraft ends; then it gives the first a moment to shut the appliance down, kills what is left of the group, and removes the
 * private folder. Argument: the private folder.
 */
export const PROGRAM = String.raw`
use strict; use warnings; use POSIX (); use File::Path ();
my ($dir) = @ARGV;
umask 077;
mkdir $dir, 0700 or die "$dir: $!
";
my $main = $$;
defined(my $watch = fork) or die "fork: $!
";
if ($watch == 0) {
  setpgrp 0, 0;
  $SIG{$_} = 'IGNORE' for qw(INT TERM HUP PIPE);
  close STDIN; open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null';
  open my $life, '<&=', 3; sysread $life, my $byte, 1;
  for (1 .. 30) { last unless kill 0, $main; select undef, undef, undef, 0.1 }
  kill 'KILL', -$main;
  File::Path::remove_tree($dir);
  POSIX::_exit(0);
}
POSIX::close(3);
$SIG{PIPE} = 'IGNORE';
binmode STDIN; binmode STDOUT; $| = 1;
sub encode {
  my ($v) = @_;
  return 'N;' unless defined $v;
  return 'L' . @$v . ';' . join '', map { encode($_) } @$v if ref $v eq 'ARRAY';
  return encode([map { ($_, $v->{$_}) } sort keys %$v]) if ref $v eq 'HASH';
  return 'S' . length($v) . ';' . $v;
}
sub send_message { my $m = encode([@_]); print pack('N', length $m) . $m }
sub take { my ($n) = @_; my $b = ''; while (length $b < $n) { read(STDIN, $b, $n - length $b, length $b) or return } $b }
sub decode {
  my ($b) = @_;
  $$b =~ /\G([NLS])(\d*);/gc or die "protocol
";
  my ($kind, $n) = ($1, $2);
  return undef if $kind eq 'N';
  return [map { decode($b) } 1 .. $n] if $kind eq 'L';
  my $s = substr $$b, pos($$b), $n; pos($$b) += $n; return $s;
}
require Sys::Guestfs;
my $g = Sys::Guestfs->new;
$g->set_event_callback(sub { send_message('progress', $_[3][2], $_[3][3]) }, $Sys::Guestfs::EVENT_PROGRESS);
$g->set_event_callback(sub { send_message('note', $_[2]) }, $Sys::Guestfs::EVENT_WARNING);
while (defined(my $head = take(4))) {
  defined(my $body = take(unpack 'N', $head)) or last;
  pos($body) = 0;
  my ($id, $name, @args) = @{decode(\$body)};
  my @result = eval {
    if ($name eq '+fifo') { POSIX::mkfifo($args[0], 0600) or die "$!
"; return () }
    die "$name: this version of libguestfs does not have it
" unless $name =~ /^(?!new$|close$)[a-z]\w*$/ && Sys::Guestfs->can($name);
    $g->$name(@args);
  };
  if ($@) { (my $text = $@) =~ s/ at \S+ line \d+\.
\z//; chomp $text; send_message('error', $id, $g->last_errno, $text) }
  else { send_message('result', $id, [@result]) }
}
$g->close;
`;
