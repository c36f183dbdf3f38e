# SPDX-License-Identifier: MIT
# fork_server.pl PORT COUNT: forks a child for each of COUNT connections. It reads a line with a
# command: "echo" sends back what follows, "count" sends the number of bytes at the end of the
# input, "who" sends the client's address. Children are reaped in a handler of SIGCHLD, which
# interrupts accept.
use strict;
use warnings;
use IO::Socket::IP;
use POSIX ':sys_wait_h';

my $server = IO::Socket::IP->new(LocalHost => '::', LocalPort => $ARGV[0], V6Only => 0, Listen => 64,
	ReuseAddr => 1) or die "listen: $@";
my $ended = 0;
$SIG{CHLD} = sub {
	local ($!, $?);
	$ended++ while waitpid(-1, WNOHANG) > 0;
};

sub serve {
	my ($client) = @_;
	my ($command, $buffer, $byte) = ('');
	$command .= $byte while sysread $client, $byte, 1 and $byte ne "\n";
	if ($command eq 'echo') {
		print $client $buffer while sysread $client, $buffer, 4096;
	} elsif ($command eq 'count') {
		my $bytes = 0;
		while (my $n = sysread $client, $buffer, 65536) { $bytes += $n }
		print $client "$bytes\n";
	} elsif ($command eq 'who') {
		print $client $client->peerhost, ' ', $client->sockhost, ' ', $client->sockport, "\n";
	}
	$client->shutdown(1);
}

my $served = 0;
while ($served < $ARGV[1]) {
	my $client = $server->accept or next;
	$served++;
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		close $server;
		serve($client);
		exit 0;
	}
	close $client;
}
$SIG{CHLD} = 'DEFAULT';
$ended++ while waitpid(-1, 0) > 0;
print "$served served, $ended collected\n";
