/* SPDX-License-Identifier: MIT */
/* What calls that are not about sockets report for a socket. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/traffic.h"

CHECK(fstat_says_socket)
{
	struct stat info;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say_result("fstat", fstat(fd, &info));
	say("mode %o, size %ld, links %ld", info.st_mode, (long)info.st_size, (long)info.st_nlink);
	say("owner is we: %d", info.st_uid == geteuid());
}

CHECK(a_socket_cannot_be_sought_or_mapped)
{
	int client, server;
	char byte;

	connected_pair(AF_INET, &client, &server);
	say_result("lseek", lseek(client, 0, SEEK_CUR));
	say_result("pread", pread(client, &byte, 1, 0));
	say_result("pwrite", pwrite(client, "x", 1, 0));
	say_result("ftruncate", ftruncate(client, 0));
	say_result("fsync", fsync(client));
	say_result("isatty", isatty(client) ? 1 : -1);
	say_result("mmap",
		   mmap(NULL, 4096, PROT_READ, MAP_SHARED, client, 0) == MAP_FAILED ? -1 : 0);
	say_result("fchdir", fchdir(client));
	say_result("fallocate", fallocate(client, 0, 0, 1));
	say_result("posix_fadvise", posix_fadvise(client, 0, 0, POSIX_FADV_NORMAL));
}

CHECK(proc_shows_a_socket_link)
{
	char path[40], target[64];
	unsigned long inode = 0;
	struct stat info;
	ssize_t len;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof target - 1);
	must(len > 0 && fstat(fd, &info) == 0, "readlink");
	target[len] = 0;
	say("form: %d", sscanf(target, "socket:[%lu]", &inode));
	say("inode of fstat: %d", inode == info.st_ino);
	say_result("open of the link", open(path, O_RDWR));
}

static void say_flags(const char *what, int fd)
{
	say("%s: F_GETFL %#x, F_GETFD %d", what, (unsigned)fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
}

CHECK(flags_of_type_become_flags_of_the_descriptor)
{
	say_flags("plain", socket(AF_INET, SOCK_STREAM, 0));
	say_flags("cloexec", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	say_flags("nonblock", socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	say_flags("both", socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

CHECK(accept_gives_its_own_flags_not_the_listeners)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);

	fcntl(waiting, F_SETFL, O_NONBLOCK);
	fcntl(waiting, F_SETFD, FD_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		must(dial(&addr) >= 0, "connect");
		wait_for(waiting, POLLIN);
		if (i == 0)
			say_flags("accept", accept(waiting, NULL, NULL));
		if (i == 1)
			say_flags("accept4, none", accept4(waiting, NULL, NULL, 0));
		if (i == 2)
			say_flags("accept4, both",
				  accept4(waiting, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	}
	say_result("accept4 with a wrong flag", accept4(waiting, NULL, NULL, O_APPEND));
}

CHECK(status_flags_can_be_set_and_cleared)
{
	int client, server, on = 1, off = 0;

	connected_pair(AF_INET, &client, &server);
	say_flags("connected", client);
	say_result("F_SETFL", fcntl(client, F_SETFL, O_NONBLOCK | O_APPEND));
	say_flags("then", client);
	say_result("F_SETFL", fcntl(client, F_SETFL, 0));
	say_flags("then", client);
	say_result("FIONBIO", ioctl(client, FIONBIO, &on));
	say_flags("then", client);
	say_result("FIONBIO", ioctl(client, FIONBIO, &off));
	say_result("FIOCLEX", ioctl(client, FIOCLEX));
	say_flags("then", client);
	say_result("FIONCLEX", ioctl(client, FIONCLEX));
	say_flags("then", client);
}

static volatile sig_atomic_t io_signals;

static void on_io(int number)
{
	(void)number;
	io_signals++;
}

static bool io_signal_came(void *unused)
{
	(void)unused;
	return io_signals > 0;
}

CHECK(o_async_sends_sigio_to_the_owner)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	signal(SIGIO, on_io);
	say_result("F_SETOWN", fcntl(client, F_SETOWN, getpid()));
	say("F_GETOWN is we: %d", fcntl(client, F_GETOWN) == getpid());
	say_result("F_SETFL", fcntl(client, F_SETFL, O_ASYNC));
	say_flags("then", client);
	io_signals = 0;
	must(write(server, "x", 1) == 1, "write");
	wait_true(io_signal_came, NULL);
	say("SIGIO came");
	signal(SIGUSR1, SIG_IGN);
	say_result("F_SETSIG", fcntl(client, F_SETSIG, SIGUSR1));
	say_result("F_GETSIG", fcntl(client, F_GETSIG));
}

CHECK(locks_and_leases_answer_as_on_tcp)
{
	struct flock lock = {.l_type = F_WRLCK};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say_result("F_SETLK", fcntl(fd, F_SETLK, &lock));
	say_result("F_GETPIPE_SZ", fcntl(fd, F_GETPIPE_SZ));
	say_result("F_SETLEASE", fcntl(fd, F_SETLEASE, F_RDLCK));
	say_result("fchmod", fchmod(fd, 0600));
	say_result("TIOCGWINSZ", ioctl(fd, TIOCGWINSZ, &(struct winsize){0}));
	say_result("unknown ioctl", ioctl(fd, 0x1234, 0));
}

CHECK(select_works_with_numbers_below_fd_setsize)
{
	fd_set readable, writable;
	int client, server;

	connected_pair(AF_INET, &client, &server);
	must(dup2(client, FD_SETSIZE - 2) > 0 && dup2(server, FD_SETSIZE - 1) > 0, "dup2");
	must(write(client, "x", 1) == 1 && wait_for(server, POLLIN), "write");
	FD_ZERO(&readable);
	FD_ZERO(&writable);
	FD_SET(FD_SETSIZE - 1, &readable);
	FD_SET(FD_SETSIZE - 2, &readable);
	FD_SET(FD_SETSIZE - 2, &writable);
	say_result("select", select(FD_SETSIZE, &readable, &writable, NULL, NULL));
	say("readable: %d, other: %d, writable: %d", FD_ISSET(FD_SETSIZE - 1, &readable) != 0,
	    FD_ISSET(FD_SETSIZE - 2, &readable) != 0, FD_ISSET(FD_SETSIZE - 2, &writable) != 0);
}

CHECK(sockets_of_other_kinds_are_left_alone)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	int pair[2], domain;
	socklen_t domain_len = sizeof domain;
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	int local = socket(AF_UNIX, SOCK_STREAM, 0);

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	getsockname(local, (struct sockaddr *)&addr, &len);
	say("a unix socket: family %d, %u bytes", addr.ss_family, len);
	len = sizeof addr;
	getpeername(pair[0], (struct sockaddr *)&addr, &len);
	say("a pair: family %d, %u bytes", addr.ss_family, len);
	getsockopt(local, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len);
	say("domain %d", domain);
	getsockopt(udp, SOL_SOCKET, SO_TYPE, &domain, &domain_len);
	say("type %d", domain);
	say_result("listen on UDP", listen(udp, 1));
	say_result("connect of a unix socket to nothing",
		   connect(local, (struct sockaddr *)&(struct sockaddr_un){AF_UNIX, "/nowhere"},
			   sizeof(struct sockaddr_un)));
}
