/* SPDX-License-Identifier: MIT */
/* Calls that also work on files: seeking, sendfile, splice, stdio. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

CHECK(a_socket_has_no_place)
{
	int client, server;
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	connected_pair(AF_INET, &client, &server);
	say_result("lseek", lseek(client, 0, SEEK_CUR));
	say_result("lseek END", lseek(client, 0, SEEK_END));
	say_result("pread", pread(client, &byte, 1, 0));
	say_result("pwrite", pwrite(client, &byte, 1, 0));
	say_result("preadv", preadv(client, &iov, 1, 0));
	say_result("pwritev", pwritev(client, &iov, 1, 0));
	say_result("ftruncate", ftruncate(client, 0));
	say_result("fsync", fsync(client));
	say_result("fdatasync", fdatasync(client));
	say_result("fallocate", fallocate(client, 0, 0, 1));
	say_result("posix_fadvise", posix_fadvise(client, 0, 0, POSIX_FADV_NORMAL));
	say_result("readahead", readahead(client, 0, 1));
	say_result("isatty", isatty(client) - 1);
}

CHECK(fstat_shows_a_socket)
{
	int client, server;
	struct stat is;
	connected_pair(AF_INET, &client, &server);
	say_result("fstat", fstat(client, &is));
	say("a socket %d, mode %o, size %ld, links %ld", S_ISSOCK(is.st_mode), is.st_mode & 07777,
	    (long)is.st_size, (long)is.st_nlink);
	char path[64], target[64] = "";
	snprintf(path, sizeof(path), "/proc/self/fd/%d", client);
	must(readlink(path, target, sizeof(target) - 1) > 0, "readlink");
	target[8] = 0;
	say("link %s", target);
	say_result("open", open(path, O_RDWR));
}

CHECK(preadv2_without_a_place)
{
	int client, server;
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	connected_pair(AF_INET, &client, &server);
	say_result("pwritev2", pwritev2(client, &iov, 1, -1, 0));
	wait_unread(server, 1);
	say_result("preadv2", preadv2(server, &iov, 1, -1, 0));
	say_result("preadv2 NOWAIT", preadv2(server, &iov, 1, -1, RWF_NOWAIT));
}

static bool arrived_as_pattern(int fd, size_t len, size_t at)
{
	unsigned char *data = malloc(len);
	must(data != NULL, "malloc");
	must(recv(fd, data, len, MSG_WAITALL) == (ssize_t)len, "recv");
	bool same = is_pattern(data, len, at);
	free(data);
	return same;
}

CHECK(sendfile_from_the_place_of_the_file)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	int file = pattern_file(10000);
	say_result("sendfile", sendfile(client, file, NULL, 4000));
	say_result("sendfile", sendfile(client, file, NULL, 4000));
	say("as in the file: %d", arrived_as_pattern(server, 8000, 0));
	say_result("the rest", sendfile(client, file, NULL, 4000));
	say_result("at the end", sendfile(client, file, NULL, 4000));
	say("as in the file: %d", arrived_as_pattern(server, 2000, 8000));
}

CHECK(sendfile_from_an_offset)
{
	int client, server;
	off_t offset = 5000;
	connected_pair(AF_INET, &client, &server);
	int file = pattern_file(10000);
	say_result("sendfile", sendfile(client, file, &offset, 3000));
	say("offset %ld, place %ld", (long)offset, (long)lseek(file, 0, SEEK_CUR));
	say("as in the file: %d", arrived_as_pattern(server, 3000, 5000));
	offset = -1;
	say_result("before the start", sendfile(client, file, &offset, 1));
	say_result("from a socket", sendfile(client, server, NULL, 1));
	say_result("from no descriptor", sendfile(client, -1, NULL, 1));
	say_result("nothing", sendfile(client, file, NULL, 0));
}

CHECK(sendfile_of_much)
{
	int client, server;
	const size_t len = 6 << 20;
	connected_pair(AF_INET, &client, &server);
	int file = pattern_file(len);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		off_t offset = 0;
		while (offset < (off_t)len)
			must(sendfile(client, file, &offset, len - (size_t)offset) > 0, "sendfile");
		_exit(0);
	}
	say("as in the file: %d", arrived_as_pattern(server, len, 0));
	reap(child);
}

CHECK(sendfile_without_a_connection)
{
	int fd = fresh(AF_INET, 0);
	int file = pattern_file(100);
	on_signal(SIGPIPE, SIG_IGN, 0);
	say_result("fresh", sendfile(fd, file, NULL, 100));
	say_result("listener", sendfile(listener(AF_INET, NULL), file, NULL, 100));
}

CHECK(splice_from_a_socket)
{
	int client, server, ends[2];
	char data[32];
	connected_pair(AF_INET, &client, &server);
	must(pipe(ends) == 0, "pipe");
	put(client, "through a pipe");
	wait_unread(server, 14);
	say_result("splice", splice(server, NULL, ends[1], NULL, 1000, 0));
	say_data("pipe", data, read(ends[0], data, sizeof(data)));
	set_blocking(server, false);
	say_result("non-blocking", splice(server, NULL, ends[1], NULL, 1000, 0));
	off_t offset = 0;
	say_result("with an offset", splice(server, &offset, ends[1], NULL, 1000, 0));
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	say_result("end of file", splice(server, NULL, ends[1], NULL, 1000, 0));
	say_result("no pipe", splice(server, NULL, client, NULL, 1000, 0));
}

struct late {
	int fd;
	pid_t tid; /* of the thread that waits for the bytes */
};

static void *send_late(void *argument)
{
	struct late *late = argument;
	wait_in_syscall(getpid(), late->tid, ANY_SYSCALL);
	put(late->fd, "late");
	return NULL;
}

/* SPLICE_F_NONBLOCK is about the pipe; whether the socket waits is up to its own O_NONBLOCK. */
CHECK(splice_without_waiting_for_the_pipe_waits_for_the_socket)
{
	int client, server, ends[2];
	connected_pair(AF_INET, &client, &server);
	must(pipe(ends) == 0, "pipe");
	struct late late = {client, gettid()};
	pthread_t thread = spawn(send_late, &late);
	errno = EXDEV;
	say_result("splice", splice(server, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	say("errno unchanged: %d", errno == EXDEV);
	finish(thread);
	set_timeout(server, SO_RCVTIMEO, 50);
	long begun_ms = ms_now();
	say_result("time-out", splice(server, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	say("waited: %d", ms_now() - begun_ms >= 40);
	set_timeout(server, SO_RCVTIMEO, 0);
	set_blocking(server, false);
	say_result("non-blocking", splice(server, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	set_blocking(server, true);
	shutdown(client, SHUT_WR);
	say_result("end", splice(server, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
}

CHECK(splice_without_waiting_for_the_pipe_finds_it_full)
{
	static const char page[4096];
	int client, server, ends[2];
	connected_pair(AF_INET, &client, &server);
	must(pipe(ends) == 0 && fcntl(ends[1], F_SETPIPE_SZ, (int)sizeof page) > 0, "pipe");
	must(write(ends[1], page, sizeof page) == (ssize_t)sizeof page, "write");
	put(client, "more");
	wait_unread(server, 4);
	say_result("splice", splice(server, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	say_bytes("recv", server);
}

CHECK(splice_to_a_socket)
{
	int client, server, ends[2];
	connected_pair(AF_INET, &client, &server);
	must(pipe(ends) == 0, "pipe");
	must(write(ends[1], "through a pipe", 14) == 14, "write");
	say_result("splice", splice(ends[0], NULL, client, NULL, 7, SPLICE_F_MORE));
	say_result("splice", splice(ends[0], NULL, client, NULL, 1000, SPLICE_F_MOVE));
	wait_unread(server, 14);
	say_bytes("recv", server);
	say_result("empty pipe", splice(ends[0], NULL, client, NULL, 10, SPLICE_F_NONBLOCK));
	close(ends[1]);
	say_result("closed pipe", splice(ends[0], NULL, client, NULL, 10, 0));
}

CHECK(tee_and_vmsplice_to_a_socket)
{
	int client, server, one[2], two[2];
	struct iovec iov = {"twice over", 10};
	connected_pair(AF_INET, &client, &server);
	must(pipe(one) == 0 && pipe(two) == 0, "pipe");
	say_result("vmsplice", vmsplice(one[1], &iov, 1, 0));
	say_result("tee", tee(one[0], two[1], 100, 0));
	say_result("splice", splice(one[0], NULL, client, NULL, 100, 0));
	say_result("splice", splice(two[0], NULL, client, NULL, 100, 0));
	wait_unread(server, 20);
	say_bytes("recv", server);
	say_result("tee of a socket", tee(server, two[1], 1, 0));
	say_result("vmsplice of a socket", vmsplice(client, &iov, 1, 0));
}

CHECK(splice_through_a_relay_of_much)
{
	int client, server, out, in, ends[2];
	const size_t len = 3 << 20;
	connected_pair(AF_INET, &client, &server);
	connected_pair(AF_INET, &out, &in);
	must(pipe(ends) == 0, "pipe");
	int file = pattern_file(len);
	pid_t sender = fork();
	must(sender >= 0, "fork");
	if (sender == 0) {
		off_t offset = 0;
		while (offset < (off_t)len)
			must(sendfile(client, file, &offset, len - (size_t)offset) > 0, "sendfile");
		_exit(0);
	}
	pid_t relay = fork();
	must(relay >= 0, "fork");
	if (relay == 0) {
		for (size_t done = 0; done < len;) {
			ssize_t n = splice(server, NULL, ends[1], NULL, 65536, SPLICE_F_MOVE);
			must(n > 0, "splice in");
			done += (size_t)n;
			while (n > 0) {
				ssize_t m =
					splice(ends[0], NULL, out, NULL, (size_t)n, SPLICE_F_MORE);
				must(m > 0, "splice out");
				n -= m;
			}
		}
		_exit(0);
	}
	say("as in the file: %d", arrived_as_pattern(in, len, 0));
	reap(sender);
	reap(relay);
}

CHECK(copy_file_range_refuses_a_socket)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	int file = pattern_file(100);
	say_result("to a socket", copy_file_range(file, NULL, client, NULL, 100, 0));
	say_result("from a socket", copy_file_range(client, NULL, file, NULL, 100, 0));
}

CHECK(stdio_both_ways)
{
	int client, server;
	char line[32];
	connected_pair(AF_INET, &client, &server);
	FILE *in = fdopen(server, "r"), *out = fdopen(client, "w");
	must(in && out, "fdopen");
	fprintf(out, "first line\nsecond line\nno end");
	say_result("fflush", fflush(out));
	for (int i = 0; i < 2; i++) {
		must(fgets(line, sizeof(line), in) != NULL, "fgets");
		say("%.*s", (int)strcspn(line, "\n"), line);
	}
	say_result("fclose", fclose(out));
	must(fgets(line, sizeof(line), in) != NULL, "fgets");
	say("%s, then end of file %d", line, fgetc(in) == EOF);
	say("feof %d, ferror %d", feof(in) != 0, ferror(in) != 0);
}

CHECK(stdio_on_one_descriptor_for_both)
{
	int client, server;
	char line[32];
	connected_pair(AF_INET, &client, &server);
	FILE *file = fdopen(server, "r+");
	must(file != NULL, "fdopen");
	put(client, "question\n");
	must(fgets(line, sizeof(line), file) != NULL, "fgets");
	say("%.*s", (int)strcspn(line, "\n"), line);
	say_result("fseek", fseek(file, 0, SEEK_CUR));
	say_result("fputs", fputs("answer\n", file) < 0);
	say_result("fflush", fflush(file));
	wait_unread(client, 7);
	say_bytes("recv", client);
}

CHECK(fclose_of_a_copy_leaves_the_other)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	FILE *out = fdopen(dup(client), "w");
	must(out != NULL, "fdopen");
	fprintf(out, "one ");
	say_result("fclose", fclose(out));
	put(client, "two");
	wait_unread(server, 7);
	say_bytes("recv", server);
	say_poll("poll", server);
}

CHECK(dprintf_and_getline)
{
	int client, server;
	char *line = NULL;
	size_t room = 0;
	connected_pair(AF_INET, &client, &server);
	say_result("dprintf", dprintf(client, "%05d %s\n", 42, "formatted"));
	FILE *in = fdopen(server, "r");
	must(in != NULL, "fdopen");
	say_result("getline", getline(&line, &room, in));
	say("%.15s", line);
}
