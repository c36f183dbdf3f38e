/* SPDX-License-Identifier: MIT */
/* The engines that rudp ss, rudp key revoke and others ask, if other users pretend to be some. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/engines.h"
#include "api/names.h"
#include "base/clock.h"
#include "files.h"

#define USER 1000 /* of the programs of this test */
#define OTHER 2000
#define SEEN_MAX 2048
#define MANY 400

static char directory[64];
static struct rudp_engine_place seen[SEEN_MAX];
static unsigned seen_count, foreign_count;
static struct rudp_nonce nonce;

static void init(void)
{
	struct rlimit limit;

	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	/* Names of sockets belong to a network namespace: other tests have engines, too. */
	cr_assert(zero(int, unshare(CLONE_NEWNET)));
	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	limit.rlim_cur = limit.rlim_max;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	strcpy(directory, "/tmp/rudp-test-engines-XXXXXX");
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	cr_assert(zero(int, chmod(directory, 0777)));
	cr_assert(eq(long, getrandom(&nonce, sizeof nonce, 0), sizeof nonce));
}

static void fini(void)
{
	char command[128];

	cr_assert(zero(int, seteuid(0)));
	snprintf(command, sizeof command, "rm -rf %s", directory);
	cr_assert(zero(int, system(command)));
}

TestSuite(engines, .init = init, .fini = fini, .timeout = 60);

/* Listens as this user, and accepts no caller. */
static void listen_as(uid_t user, const struct sockaddr_un *un, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	cr_assert(zero(int, seteuid(user)));
	cr_assert(zero(int, bind(fd, (const struct sockaddr *)un, len)));
	cr_assert(zero(int, listen(fd, 8)));
	cr_assert(zero(int, seteuid(0)));
}

static void pretend_by_name(uid_t user, const struct rudp_nonce *number)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = *number};
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(&name, &un);

	listen_as(user, &un, len);
}

static void pretend_by_path(uid_t user, const struct rudp_nonce *number, const char *in)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = *number};
	struct sockaddr_un un;
	char path[128];
	socklen_t len;

	snprintf(path, sizeof path, "%s/%s", directory, in);
	cr_assert(zero(int, mkdir(path, 0777)));
	cr_assert(zero(int, chmod(path, 0777)));
	len = rudp_name_write_path(&name, path, &un);
	listen_as(user, &un, len);
}

static int note(void *context, const struct rudp_engine_place *engine)
{
	(void)context;
	cr_assert(lt(uint, seen_count, SEEN_MAX));
	seen[seen_count++] = *engine;
	foreign_count += engine->is_foreign;
	return 0;
}

static void visit_as(uid_t user, rudp_engine_visit *visit)
{
	cr_assert(zero(int, seteuid(user)));
	cr_assert(zero(int, rudp_engines_visit(visit, NULL)));
	cr_assert(zero(int, seteuid(0)));
}

/* Its own is found, although another user has its number at a path. */
Test(engines, with_a_number_that_another_user_has_too_are_asked_by_their_user)
{
	pretend_by_path(OTHER, &nonce, "before");
	pretend_by_name(USER, &nonce);
	pretend_by_path(USER, &nonce, "own");
	pretend_by_path(OTHER, &nonce, "zzz");
	visit_as(USER, note);
	cr_assert(eq(uint, seen_count - foreign_count, 1));
	cr_assert(eq(uint, seen[0].uid, USER));
	cr_assert(not(seen[0].is_foreign));
	cr_assert(ne(ptr, strstr(seen[0].path, "/own/"), NULL));
}

Test(engines, of_other_users_get_no_call)
{
	struct rudp_control_reply reply;

	pretend_by_name(OTHER, &nonce);
	visit_as(USER, note);
	cr_assert(eq(uint, seen_count, 1));
	cr_assert(eq(int, rudp_engine_ask(seen, RUDP_CONTROL_LIST, 0, NULL, &reply), -EACCES));
}

/* The name is another process's by the time of the call. */
Test(engines, that_changed_their_user_get_no_call)
{
	struct rudp_engine_place place = {.nonce = nonce, .uid = USER};
	struct rudp_control_reply reply;

	pretend_by_name(OTHER, &nonce);
	cr_assert(eq(int, rudp_engine_ask(&place, RUDP_CONTROL_LIST, 0, NULL, &reply),
		     -ECONNREFUSED));
}

static int ask(void *context, const struct rudp_engine_place *engine)
{
	struct rudp_control_reply reply;

	note(context, engine);
	(void)rudp_engine_ask(engine, RUDP_CONTROL_LIST, 0, NULL, &reply);
	return 0;
}

/* A call that another user does not answer takes two seconds; hundreds would take minutes. */
Test(engines, of_a_user_that_never_answer_delay_root_little)
{
	struct rudp_nonce other = nonce;
	int64_t since_ns;

	for (uint32_t i = 0; i < MANY; i++) {
		memcpy(&other, &i, sizeof i);
		pretend_by_name(OTHER, &other);
	}
	pretend_by_name(0, &nonce);
	since_ns = rudp_clock_now_ns();
	visit_as(0, ask);
	cr_assert(eq(uint, seen[0].uid, 0));
	cr_assert(eq(uint, seen_count, RUDP_ENGINES_PER_USER_MAX + 1));
	cr_assert(lt(i64, rudp_clock_now_ns() - since_ns, 20 * RUDP_NS_PER_S));
}

Test(engines, that_do_not_answer_are_told_by_key_revoke)
{
	char output[OUTPUT_BYTES_MAX];

	files_init();
	pretend_by_name(0, &nonce);
	cr_assert(
		eq(int,
		   files_run("$RUDP keygen $FILES/key && $RUDP key revoke $FILES/key 2>&1", output),
		   1));
	cr_assert(ne(ptr, strstr(output, "1 engines have not answered"), NULL));
	files_fini();
}
