/* SPDX-License-Identifier: MIT */
/* Stores in directories: records can be read again, and a directory that is not a store is not
 * changed. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "messaging/disk.h"
#include "messaging/disk_check.h"

#define BYTES_MAX (UINT64_C(64) << 20)

static char directory[64], file[128];
static char text[RUDPMSG_ERROR_TEXT_SIZE];
static struct rudpmsg_disk *disk;

static void set_up(void)
{
	strcpy(directory, "/tmp/rudp-disk.XXXXXX");
	cr_assert(mkdtemp(directory) != NULL);
	snprintf(file, sizeof file, "%s/messages.mdb", directory);
	disk = NULL;
}

static void tear_down(void)
{
	char command[128];

	rudpmsg_disk_close(disk);
	snprintf(command, sizeof command, "rm -r %s", directory);
	cr_assert(eq(int, system(command), 0));
}

TestSuite(disk, .init = set_up, .fini = tear_down);

static int open_store(const char *name)
{
	return rudpmsg_disk_open(&disk, directory, name, BYTES_MAX, text);
}

static void close_store(void)
{
	rudpmsg_disk_close(disk);
	disk = NULL;
}

static struct rudpmsg_hub *new_hub(void)
{
	struct rudpmsg_hub_config config = {.name = "alpha",
					    .has_store = true,
					    .run = 1,
					    .limits = {.message_bytes_max = 1 << 20,
						       .queue_bytes_max = 64 << 20,
						       .queue_messages_max = 100000,
						       .unread_bytes_max = 64 << 20,
						       .connections_max = 10,
						       .unauthenticated_max = 2,
						       .senders_max = 10},
					    .handshake_timeout_ns = RUDP_NS_PER_S,
					    .backoff_first_ns = RUDP_NS_PER_S / 10,
					    .backoff_max_ns = RUDP_NS_PER_S,
					    .give_up_ns = RUDP_NEVER,
					    .seed = 5};

	return rudpmsg_hub_new(&config, RUDP_NS_PER_S);
}

static struct rudpmsg_hub *load_hub(void)
{
	struct rudpmsg_hub *hub = new_hub();

	cr_assert(eq(int, rudpmsg_disk_load(disk, hub, RUDP_NS_PER_S, text), 0), "%s", text);
	cr_assert(rudpmsg_hub_check(hub));
	return hub;
}

/* A new connection without messages. */
static struct rudpmsg_conn *conn_to(struct rudpmsg_hub *hub, const char *name)
{
	rudpmsg_conn_id conn;
	uint64_t ticket;

	cr_assert(eq(int, rudpmsg_hub_connect(hub, "host", 1, name, RUDP_NS_PER_S, &ticket, &conn),
		     0));
	rudpmsg_hub_connect_forget(hub, ticket);
	return rudpmsg_hub_conn(hub, conn);
}

static int commit(struct rudpmsg_hub *hub)
{
	const struct rudpmsg_batch *batch;
	int rc = 0;

	rudpmsg_hub_store_now(hub);
	batch = rudpmsg_hub_take_batch(hub);
	if (batch) {
		rc = rudpmsg_disk_commit(disk, batch);
		rudpmsg_hub_on_stored(hub, rc, RUDP_NS_PER_S);
	}
	return rc;
}

static uint64_t send_to(struct rudpmsg_hub *hub, const char *name, size_t length)
{
	static uint8_t bytes[1 << 20];
	rudpmsg_message_id id;
	struct rudpmsg_conn *conn = rudpmsg_hub_find(hub, name);

	cr_assert(eq(int, rudpmsg_hub_send(hub, conn, bytes, length, &id, RUDP_NS_PER_S), 0));
	return id;
}

/* A store with a few hundred messages, some of them long, and holes between them. */
static void fill_store(void)
{
	struct rudpmsg_hub *hub;
	int i;

	cr_assert(eq(int, open_store("alpha"), 0), "%s", text);
	hub = load_hub();
	conn_to(hub, "beta");
	conn_to(hub, "gamma");
	for (i = 0; i < 300; i++) {
		send_to(hub, i % 3 ? "beta" : "gamma", i % 50 == 7 ? 20000 : 100);
		if (i % 20 == 0)
			cr_assert(eq(int, commit(hub), 0));
	}
	rudpmsg_hub_disconnect(hub, rudpmsg_hub_find(hub, "gamma"), ECANCELED, RUDP_NS_PER_S);
	cr_assert(eq(int, commit(hub), 0));
	rudpmsg_hub_free(hub);
	close_store();
}

Test(disk, a_store_can_be_read_again)
{
	struct rudpmsg_hub *hub;
	struct rudpmsg_conn *conn;
	int reason = 0;
	uint64_t run;

	fill_store();
	cr_assert(eq(int, open_store("alpha"), 0), "%s", text);
	run = rudpmsg_disk_run(disk);
	hub = load_hub();
	conn = rudpmsg_hub_find(hub, "beta");
	cr_assert(conn != NULL);
	cr_assert(eq(u64, rudpmsg_conn_unanswered(conn), 200));
	cr_assert(eq(u64, send_to(hub, "beta", 1), 201), "ids go on");
	cr_assert(eq(int, (int)rudpmsg_conn_state(conn, 201, NULL), RUDPMSG_STATE_STORING));
	cr_assert(eq(int, commit(hub), 0));
	cr_assert(eq(int, (int)rudpmsg_conn_state(conn, 201, NULL), RUDPMSG_STATE_QUEUED));
	cr_assert(rudpmsg_hub_next_dial(hub) != NULL, "an attempt begins at once");
	cr_assert(rudpmsg_hub_find(hub, "gamma") == NULL, "it was disconnected");
	conn = conn_to(hub, "gamma");
	cr_assert(eq(u64, send_to(hub, "gamma", 1), 101), "its ids go on all the same");
	cr_assert(eq(int, (int)rudpmsg_conn_state(conn, 100, &reason), RUDPMSG_STATE_FAILED));
	cr_assert(eq(int, reason, ECANCELED));
	rudpmsg_hub_free(hub);
	close_store();
	cr_assert(eq(int, open_store("alpha"), 0));
	cr_assert(lt(u64, run, rudpmsg_disk_run(disk)));
}

/* A new store counts links from 1 again: with the same run number peers would refuse them as
 * stale. */
Test(disk, a_store_created_again_in_the_same_second_has_a_larger_run)
{
	uint64_t run;
	int i;

	for (i = 0; i < 3; i++) {
		cr_assert(eq(int, open_store("alpha"), 0), "%s", text);
		run = rudpmsg_disk_run(disk);
		close_store();
		cr_assert(eq(int, unlink(file), 0));
		cr_assert(eq(int, open_store("alpha"), 0), "%s", text);
		cr_assert(lt(u64, run, rudpmsg_disk_run(disk)));
		close_store();
		cr_assert(eq(int, unlink(file), 0));
	}
}

/* Between fork and exec a child has the lock's descriptor as well. */
Test(disk, a_closed_store_is_unlocked_while_a_child_is_before_exec)
{
	int pipes[2], status;
	pid_t child;
	char byte;

	cr_assert(eq(int, open_store("alpha"), 0), "%s", text);
	cr_assert(eq(int, pipe(pipes), 0));
	child = fork();
	if (child == 0) {
		close(pipes[1]);
		_exit(read(pipes[0], &byte, 1) == 0 ? 0 : 1);
	}
	cr_assert(ge(int, child, 1));
	close_store();
	status = open_store("alpha");
	close(pipes[0]);
	close(pipes[1]);
	cr_assert(eq(int, status, 0), "%s", text);
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_assert(eq(int, status, 0));
}

Test(disk, two_nodes_cannot_have_it_open)
{
	struct rudpmsg_disk *other;

	cr_assert(eq(int, open_store("alpha"), 0), "%s", text);
	cr_assert(eq(int, rudpmsg_disk_open(&other, directory, "alpha", BYTES_MAX, text), -EBUSY));
	cr_assert(strstr(text, "open in another node") != NULL);
	close_store();
	cr_assert(eq(int, open_store("alpha"), 0), "%s", text);
}

Test(disk, the_store_of_another_node_is_refused)
{
	fill_store();
	cr_assert(eq(int, open_store("beta"), -EACCES));
	cr_assert(strstr(text, "alpha") != NULL);
	cr_assert(eq(int, open_store("alpha"), 0), "%s", text);
}

static void write_file(const char *path, const void *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(sz, (size_t)write(fd, bytes, length), length));
	close(fd);
}

static uint8_t *read_file(size_t *length)
{
	int fd = open(file, O_RDONLY);
	uint8_t *bytes;
	struct stat st;

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(int, fstat(fd, &st), 0));
	*length = (size_t)st.st_size;
	bytes = malloc(*length);
	cr_assert(eq(sz, (size_t)read(fd, bytes, *length), *length));
	close(fd);
	return bytes;
}

Test(disk, a_directory_with_other_files_is_not_changed)
{
	char path[128];

	snprintf(path, sizeof path, "%s/letter", directory);
	write_file(path, "dear", 4);
	cr_assert(eq(int, open_store("alpha"), -ENOTEMPTY));
	cr_assert(strstr(text, "letter") != NULL);
	cr_assert(ne(int, access(file, F_OK), 0));
	unlink(path);
	cr_assert(eq(int, open_store("alpha"), 0), "%s", text);
}

Test(disk, a_file_that_is_no_store_is_not_changed)
{
	static const uint8_t other[10000] = "something else";
	uint8_t *bytes;
	size_t length;

	write_file(file, other, sizeof other);
	cr_assert(eq(int, open_store("alpha"), -EBADMSG));
	cr_assert(strstr(text, "left as it is") != NULL);
	bytes = read_file(&length);
	cr_assert(eq(sz, length, sizeof other));
	cr_assert(eq(int, memcmp(bytes, other, length), 0));
	free(bytes);
}

static size_t used_of(const uint8_t *bytes, size_t length)
{
	while (length > 0 && bytes[length - 1] == 0)
		length--;
	return length;
}

/* Returns false if the store was refused. */
static bool open_and_use(void)
{
	struct rudpmsg_hub *hub;
	struct rudpmsg_conn *conn;
	bool good;

	if (open_store("alpha") < 0) {
		close_store();
		return false;
	}
	hub = new_hub();
	good = rudpmsg_disk_load(disk, hub, RUDP_NS_PER_S, text) == 0;
	conn = rudpmsg_hub_find(hub, "beta");
	if (good && conn) {
		cr_assert(rudpmsg_hub_check(hub));
		rudpmsg_hub_disconnect(hub, conn, ECANCELED, RUDP_NS_PER_S);
		cr_assert(eq(int, commit(hub), 0));
	}
	rudpmsg_hub_free(hub);
	close_store();
	return good;
}

/* A damaged file is refused or harmless, wherever the damage is, and never crashes the process.
 * LMDB and the record decoders read what the check of the pages accepts. */
Test(disk, a_damaged_store_is_refused_or_harmless, .timeout = 600)
{
	struct random random = {3};
	uint8_t *bytes, was;
	size_t length, used, at;
	int i, refused = 0, later = 0, harmless = 0;

	fill_store();
	bytes = read_file(&length);
	used = used_of(bytes, length);
	for (i = 0; i < 30000; i++) {
		at = i < 5000 ? (size_t)i : (size_t)random_below(&random, used);
		was = bytes[at];
		bytes[at] ^= (uint8_t)(1 + random_below(&random, 255));
		if (rudpmsg_disk_check(bytes, length) < 0) {
			refused++;
		} else if (i % 100 == 0) {
			write_file(file, bytes, used);
			cr_assert(eq(int, truncate(file, (off_t)length), 0));
			if (open_and_use())
				harmless++;
			else
				later++;
		}
		bytes[at] = was;
	}
	cr_assert(ge(int, refused, 101));
	cr_assert(ge(int, later, 21));
	cr_assert(ge(int, harmless, 21));
	free(bytes);
}

Test(disk, a_store_that_was_cut_off_is_refused)
{
	uint8_t *bytes;
	size_t length, used;

	fill_store();
	bytes = read_file(&length);
	cr_assert(eq(int, rudpmsg_disk_check(bytes, length), 0));
	for (used = used_of(bytes, length); used > 4096; used -= 4096) {
		cr_assert(eq(int, truncate(file, (off_t)used - 4096), 0));
		cr_assert(eq(int, open_store("alpha"), -EBADMSG), "%zu", used);
	}
	free(bytes);
}

Test(disk, a_full_store_keeps_what_it_has_and_can_be_emptied)
{
	struct rudpmsg_hub *hub;
	uint64_t stored = 0, i;
	int rc;

	cr_assert(eq(int, rudpmsg_disk_open(&disk, directory, "alpha", 8 << 20, text), 0));
	hub = load_hub();
	conn_to(hub, "beta");
	do {
		for (i = 0; i < 100; i++)
			send_to(hub, "beta", 1000);
		rc = commit(hub);
		stored += rc == 0 ? 100 : 0;
	} while (rc == 0);
	cr_assert(eq(int, rc, -ENOSPC));
	cr_assert(ge(u64, stored, 4000));
	cr_assert(eq(u64, rudpmsg_hub_unanswered(hub), stored), "the others have failed");
	cr_assert(eq(int, commit(hub), 0), "positions can be stored in a full one");
	rudpmsg_hub_free(hub);
	close_store();

	cr_assert(eq(int, rudpmsg_disk_open(&disk, directory, "alpha", 8 << 20, text), 0));
	hub = load_hub();
	cr_assert(eq(u64, rudpmsg_hub_unanswered(hub), stored), "what was accepted is there");
	rudpmsg_hub_disconnect(hub, rudpmsg_hub_find(hub, "beta"), ECANCELED, RUDP_NS_PER_S);
	cr_assert(eq(int, commit(hub), 0), "all can be deleted in a full one");
	conn_to(hub, "beta");
	for (i = 0; i < 1000; i++)
		send_to(hub, "beta", 1000);
	cr_assert(eq(int, commit(hub), 0), "and there is room again");
	rudpmsg_hub_free(hub);
}
