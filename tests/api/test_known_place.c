/* SPDX-License-Identifier: MIT */
/* An engine is first called where it was reached before, if the right user listens there. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/control_client.h"
#include "api/engine_start.h"
#include "api/environment.h"
#include "api/run_dir.h"
#include "session.h"

#define NOBODY 65534

static struct rudp_nonce known_nonce;
static char known_dir[RUDP_RUN_DIR_SIZE];
static struct sockaddr_un known_name;

/* Listens as the engine of this user, which the environment names. */
static int listen_in_run_dir(void)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = known_nonce};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	socklen_t len;

	rudp_run_dir_place_name(&name, listener);
	len = rudp_name_write_path(&name, known_dir, &known_name);
	cr_assert(zero(int, bind(listener, (struct sockaddr *)&known_name, len)));
	cr_assert(zero(int, listen(listener, 16)));
	return listener;
}

static int begin_known_engine(void)
{
	struct rudp_engine_ref engine;
	char text[23];
	int listener;

	known_nonce = unused_nonce();
	make_run_dir(known_dir);
	listener = listen_in_run_dir();
	rudp_nonce_write(&known_nonce, text);
	setenv("RUDP_NONCE", text, 1);
	setenv("RUDP_TOKEN", text, 1);
	snprintf(text, sizeof text, "%016llx", (unsigned long long)rudp_environment_hash_written());
	setenv("RUDP_SETTINGS", text, 1);
	cr_assert(zero(int, rudp_engine_find(&engine)));
	cr_assert(zero(int, memcmp(&engine.nonce, &known_nonce, sizeof known_nonce)));
	return listener;
}

/* Returns 0 or -errno. */
static int call_known_engine(void)
{
	struct rudp_control_call call;
	int channel;

	rudp_control_begin(&call, &known_nonce, RUDP_CONTROL_INFO, -1);
	channel = rudp_control_open(&call);
	if (channel < 0)
		return channel;
	close(channel);
	return 0;
}

/*
 * Only the remembered directory leads to the engine: the session directory is not searched again.
 */
Test(known_place, calls_an_engine_where_it_was_reached_before)
{
	int listener = begin_known_engine();

	cr_assert(zero(int, call_known_engine()));
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	cr_assert(zero(int, call_known_engine()));
	close(listener);
	cr_assert(eq(int, call_known_engine(), -ECONNREFUSED));
	unlink(known_name.sun_path);
	remove(known_dir);
	*strrchr(known_dir, '/') = 0;
	remove(known_dir);
}

Test(known_place, searches_an_engine_that_is_not_where_it_was)
{
	char before[RUDP_RUN_DIR_SIZE];
	struct sockaddr_un un;
	int listener = begin_known_engine();

	cr_assert(zero(int, call_known_engine()));
	memcpy(before, known_dir, sizeof before);
	un = known_name;
	close(listener);
	make_run_dir(known_dir);
	listener = listen_in_run_dir();
	for (int i = 0; i < 3; i++)
		cr_assert(zero(int, call_known_engine()));
	close(listener);
	remove_run_dir(known_dir, &known_name);
	unlink(un.sun_path);
	remove(before);
	*strrchr(before, '/') = 0;
	remove(before);
}

/* The directory was removed, and another user has made a directory of the same name. */
Test(known_place, does_not_take_another_user_for_an_engine_that_it_knows)
{
	int listener = begin_known_engine();

	if (geteuid() != 0)
		cr_skip_test("it needs root");
	cr_assert(zero(int, call_known_engine()));
	close(listener);
	unlink(known_name.sun_path);
	cr_assert(zero(int, chown(known_dir, NOBODY, NOBODY)));
	cr_assert(zero(int, chmod(getenv("XDG_RUNTIME_DIR"), 0755)));
	cr_assert(zero(int, setresuid(NOBODY, NOBODY, 0)));
	listener = listen_in_run_dir();
	cr_assert(zero(int, setresuid(0, 0, 0)));
	cr_assert(eq(int, call_known_engine(), -ECONNREFUSED));
	cr_assert(eq(int, call_known_engine(), -ECONNREFUSED));
	close(listener);
	remove_run_dir(known_dir, &known_name);
}
