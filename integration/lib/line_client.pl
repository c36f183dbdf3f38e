# SPDX-License-Identifier: MIT
# line_client.pl HOST PORT COMMAND [FILE]: sends the command to fork_server.pl, sends the file from
# a child process while it reads the answer to its end, and prints the answer.
use strict;
use warnings;
use IO::Socket::IP;

my ($host, $port, $command, $file) = @ARGV;
my $socket = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 10)
	or die "connect: $@";
print $socket "$command\n";
$socket->flush;
my $pid = fork // die "fork: $!";
if ($pid == 0) {
	if ($file) {
		my $buffer;
		open my $in, '<:raw', $file or die "$file: $!";
		print $socket $buffer while read $in, $buffer, 10000;
	}
	$socket->flush;
	$socket->shutdown(1);
	exit 0;
}
binmode STDOUT;
print while <$socket>;
waitpid $pid, 0;
exit $? >> 8;
