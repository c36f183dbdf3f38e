/* SPDX-License-Identifier: MIT */
/* rudp ss asks mock engines. Whatever they answer must not harm it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../tools/doctor.h"
#include "../../tools/ss.h"
#include "api/control.h"
#include "api/names.h"
#include "files.h"
#include "proto/conn/conn.h"

TestSuite(ss, .init = files_init, .fini = files_fini);
TestSuite(doctor, .init = files_init, .fini = files_fini);

static char output[OUTPUT_BYTES_MAX];
static pid_t server;
/*
 * The pid in the answers. No kernel gives such a number, and no other test that runs at the same
 * time uses it: ss asks every process with an engine's name.
 */
static uint32_t impossible_pid;

/* Fills the reply to a request. Returns false to send no reply. */
typedef bool answer_function(const struct rudp_control_request *request,
			     struct rudp_control_reply *reply);

static void serve(int listener, answer_function *answer)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		struct rudp_control_request request;
		struct rudp_control_reply reply = {.version = RUDP_CONTROL_VERSION};
		ssize_t n = recv(fd, &request, sizeof request, 0);

		if (n == (ssize_t)sizeof request && answer(&request, &reply))
			send(fd, &reply, sizeof reply, MSG_NOSIGNAL);
		else if (n != 0) /* ss first connects to learn who listens */
			pause();
		close(fd);
	}
}

/* Binds the name of an engine, as any process could. */
static void pretend(answer_function *answer)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL};
	struct sockaddr_un un;
	socklen_t len;
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char pid[16];

	impossible_pid = (uint32_t)(INT32_MAX - getpid());
	snprintf(pid, sizeof pid, "%u", impossible_pid);
	setenv("PID", pid, 1);
	cr_assert(eq(long, getrandom(&name.nonce, sizeof name.nonce, 0), sizeof name.nonce));
	len = rudp_name_write(&name, &un);
	cr_assert(zero(int, bind(listener, (struct sockaddr *)&un, len)));
	cr_assert(zero(int, listen(listener, 8)));
	server = fork();
	if (server == 0)
		serve(listener, answer);
	close(listener);
}

static void stop_pretending(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

/* Three replies with nonsense in every byte. */
static bool answer_nonsense(const struct rudp_control_request *request,
			    struct rudp_control_reply *reply)
{
	memset(&reply->info, 0xff, sizeof reply->info);
	memcpy(reply->info.program, "\033[31m\"\\\n\xc3(\x01xxxxxxx", sizeof reply->info.program);
	reply->info.pid = impossible_pid;
	reply->id = request->id < 3 ? request->id + 1 : 0;
	return true;
}

static bool answer_nonsense_of_failures(const struct rudp_control_request *request,
					struct rudp_control_reply *reply)
{
	answer_nonsense(request, reply);
	memcpy(reply->failure.program, "\033[31m\"\\\n\xc3(\x01xxxxxxx",
	       sizeof reply->failure.program);
	memset(reply->failure.why, '\033', sizeof reply->failure.why);
	reply->failure.pid = impossible_pid;
	memset(&reply->remote, 0xff, sizeof reply->remote);
	return true;
}

static bool answer_nothing(const struct rudp_control_request *request,
			   struct rudp_control_reply *reply)
{
	(void)request;
	(void)reply;
	return false;
}

Test(ss, json_is_right_whatever_an_engine_says)
{
	json_error_t error;
	json_t *list;

	pretend(answer_nonsense);
	cr_assert(eq(int, files_run("$RUDP ss -a --json pid = $PID 2>$FILES/err", output), 0), "%s",
		  output);
	stop_pretending();
	list = json_loads(output, 0, &error);
	cr_assert(ne(ptr, list, NULL), "%s: %s", error.text, output);
	cr_assert(eq(sz, json_array_size(list), 3));
	cr_assert(eq(str,
		     (char *)json_string_value(json_object_get(json_array_get(list, 0), "program")),
		     "?[31m\"\\?"
		     "?(?xxxx"));
	json_decref(list);
}

Test(ss, nothing_but_printable_characters_reaches_the_terminal)
{
	pretend(answer_nonsense);
	cr_assert(eq(int, files_run("$RUDP ss -ap pid = $PID 2>$FILES/err", output), 0));
	stop_pretending();
	cr_assert(ge(sz, strlen(output), 101));
	for (const char *at = output; *at; at++) {
		bool harmless = (*at >= ' ' && *at <= '~') || *at == '\n' || *at == '\t';

		cr_assert(harmless, "%d", *at);
	}
}

Test(ss, failures_are_right_json_whatever_an_engine_says)
{
	json_error_t error;
	json_t *list;

	pretend(answer_nonsense_of_failures);
	cr_assert(eq(int, files_run("$RUDP ss --failed --json pid = $PID 2>$FILES/err", output), 0),
		  "%s", output);
	list = json_loads(output, 0, &error);
	cr_assert(ne(ptr, list, NULL), "%s: %s", error.text, output);
	cr_assert(eq(sz, json_array_size(list), 3));
	json_decref(list);
	cr_assert(eq(int, files_run("$RUDP ss --failed pid = $PID 2>$FILES/err", output), 0));
	stop_pretending();
	for (const char *at = output; *at; at++) {
		bool harmless = (*at >= ' ' && *at <= '~') || *at == '\n' || *at == '\t';

		cr_assert(harmless, "%d", *at);
	}
}

/* The fingerprint of a key whose first byte is 1 and whose other bytes are 0. */
#define FINGERPRINT "SHA256:AdD6vSUfy74rk7S5J7Jq0qGpkHcVLkXe0eZ4r6RdvsU"

static void print_failures(bool json)
{
	struct rudp_ss_failure failures[] = {
		{.figures = {.error = EKEYREJECTED,
			     .count = 3,
			     .pid = 7,
			     .cause = RUDP_FAILURE_KEY,
			     .program = "curl"}},
		{.figures = {.count = 1, .cause = RUDP_FAILURE_KEY_OF_PEER}},
		{.figures = {.count = 1,
			     .cause = RUDP_FAILURE_IDENTITY_OF_PEER,
			     .peer_key = {1},
			     .why = "is revoked"}},
		{.figures = {.count = 1,
			     .cause = RUDP_FAILURE_IDENTITY_OF_PEER,
			     .why = "was not shown"}},
	};
	struct rudp_ss_list list = {.failures = failures, .failure_count = 4};
	struct rudp_ss ss = {.failed = true, .numeric = true, .json = json};

	cr_assert(zero(int, rudp_addr_parse(&failures[0].remote, "192.0.2.1:80")));
	cr_assert(zero(int, rudp_addr_parse(&failures[1].remote, "192.0.2.2:1024")));
	cr_assert(zero(int, rudp_addr_parse(&failures[1].local, "192.0.2.9:22")));
	cr_assert(ne(ptr, freopen(files_path("out"), "w", stdout), NULL));
	cr_assert(zero(int, rudp_ss_print_failed(&ss, &list)));
	fflush(stdout);
}

Test(ss, failures_are_told_with_errno_peer_program_and_reason)
{
	print_failures(false);
	cr_assert(zero(int, files_run("tr -s ' ' <$FILES/out | cut -d ' ' -f 3-", output)));
	cr_assert(ne(ptr, strstr(output, "3 EKEYREJECTED rudp 192.0.2.1:80 curl (pid 7)\n"), NULL),
		  "%s", output);
	cr_assert(ne(ptr, strstr(output, "1 - rudp 192.0.2.2:1024 to 192.0.2.9:22\n"), NULL), "%s",
		  output);
	cr_assert(zero(int, files_run("cat $FILES/out", output)));
	cr_assert(ne(ptr, strstr(output, "\t the other side has another key"), NULL), "%s", output);
	cr_assert(ne(ptr, strstr(output, "accepted: the key " FINGERPRINT " is revoked\n"), NULL),
		  "%s", output);
	cr_assert(ne(ptr, strstr(output, "accepted: the key was not shown\n"), NULL), "%s", output);
}

Test(ss, failures_in_json_have_words_for_programs)
{
	json_error_t error;
	json_t *all, *o;

	print_failures(true);
	all = json_load_file(files_path("out"), 0, &error);
	cr_assert(ne(ptr, all, NULL), "%s", error.text);
	o = json_array_get(all, 0);
	cr_expect(eq(str, (char *)json_string_value(json_object_get(o, "cause")), "key"));
	cr_expect(eq(str, (char *)json_string_value(json_object_get(o, "error")), "EKEYREJECTED"));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "errno")), EKEYREJECTED));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "peer_port")), 80));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "count")), 3));
	o = json_array_get(all, 1);
	cr_expect(eq(str, (char *)json_string_value(json_object_get(o, "cause")), "key-of-peer"));
	cr_expect(eq(int, json_typeof(json_object_get(o, "program")), JSON_NULL));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "local_port")), 22));
	cr_expect(eq(int, json_typeof(json_object_get(o, "identity")), JSON_NULL));
	cr_expect(eq(int, json_typeof(json_object_get(o, "identity_problem")), JSON_NULL));
	o = json_array_get(all, 2);
	cr_expect(eq(str, (char *)json_string_value(json_object_get(o, "identity")), FINGERPRINT));
	cr_expect(eq(str, (char *)json_string_value(json_object_get(o, "identity_problem")),
		     "is revoked"));
	json_decref(all);
}

Test(ss, an_engine_that_never_answers_is_given_up, .timeout = 120)
{
	pretend(answer_nothing);
	cr_assert(eq(int, files_run("$RUDP ss -H pid = $PID", output), 0));
	stop_pretending();
	cr_assert(ne(ptr, strstr(output, "did not answer correctly"), NULL), "%s", output);
}

Test(ss, figures_are_numbers_with_their_units_and_unknown_ones_are_null)
{
	struct rudp_control_info info = {.state = RUDP_STATE_ESTABLISHED,
					 .srtt_ns = 20000000,
					 .min_rtt_ns = INT64_MAX,
					 .cwnd_bytes = UINT64_MAX,
					 .known_kib = 300,
					 .flows = 3,
					 .repairs_sent = 7,
					 .repaired_bytes = 1436,
					 .path_changes = 4,
					 .copies_sent = 6,
					 .copied_bytes = 900,
					 .id_changes = 2,
					 .moves_with_old_id = 1,
					 .bytes_sent = 5};
	struct rudp_ss_list list = {.entries = &info, .count = 1, .capacity = 1};
	struct rudp_ss ss = {.json = true};
	json_error_t error;
	json_t *all, *o;

	rudp_addr_parse(&info.local, "127.0.0.1:80");
	rudp_addr_parse(&info.remote, "[::1]:4000");
	cr_assert(ne(ptr, freopen(files_path("out"), "w", stdout), NULL));
	cr_assert(zero(int, rudp_ss_print_json(&ss, &list)));
	fflush(stdout);
	all = json_load_file(files_path("out"), 0, &error);
	cr_assert(ne(ptr, all, NULL), "%s", error.text);
	o = json_array_get(all, 0);
	cr_expect(eq(str, (char *)json_string_value(json_object_get(o, "state")), "ESTAB"));
	cr_expect(eq(str, (char *)json_string_value(json_object_get(o, "local_address")),
		     "127.0.0.1"));
	cr_expect(eq(str, (char *)json_string_value(json_object_get(o, "peer_address")), "::1"));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "peer_port")), 4000));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "srtt_ns")), 20000000));
	cr_expect(eq(int, json_typeof(json_object_get(o, "min_rtt_ns")), JSON_NULL));
	cr_expect(eq(int, json_typeof(json_object_get(o, "program")), JSON_NULL));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "cwnd_bytes")), INT64_MAX));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "wire_sent_bytes")), 5));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "known_path_bytes")), 300 << 10));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "sharing_connections")), 3));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "repairs_sent")), 7));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "stream_repaired_bytes")), 1436));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "path_changes")), 4));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "copies_sent")), 6));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "stream_copied_bytes")), 900));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "id_changes")), 2));
	cr_expect(eq(i64, json_integer_value(json_object_get(o, "moves_with_old_id")), 1));
	json_decref(all);
}

Test(ss, a_connection_that_changed_its_path_says_how_often_its_ids_changed)
{
	struct rudp_control_info infos[] = {
		{.state = RUDP_STATE_ESTABLISHED,
		 .path_changes = 3,
		 .id_changes = 2,
		 .moves_with_old_id = 1},
		{.state = RUDP_STATE_ESTABLISHED},
	};
	struct rudp_ss_list list = {.entries = infos, .count = 2, .capacity = 2};
	struct rudp_ss ss = {.numeric = true, .no_header = true};
	char *shown;

	for (int i = 0; i < 2; i++) {
		rudp_addr_parse(&infos[i].local, "127.0.0.1:80");
		rudp_addr_parse(&infos[i].remote, "127.0.0.1:4000");
	}
	cr_assert(ne(ptr, freopen(files_path("out"), "w", stdout), NULL));
	rudp_ss_print_text(&ss, &list);
	fflush(stdout);
	cr_assert(zero(int, files_run("cat $FILES/out", output)));
	shown = strstr(output, " path_changes:3 id_changes:2 moves_with_old_id:1");
	cr_assert(ne(ptr, shown, NULL), "%s", output);
	cr_assert(eq(ptr, strstr(shown + 2, "path_changes:"), NULL), "%s", output);
}

/* The summary of two current engines and one of an earlier release. */
static void print_summary(bool json)
{
	struct rudp_control_engine engines[] = {
		{.pid = 7,
		 .buffered_bytes = 5,
		 .limit_bytes = 1 << 20,
		 .dropped_packets = 3,
		 .remembered_tcp = 2,
		 .files_max = 64,
		 .dropped_trains = 6,
		 .failures = {[RUDP_FAILURE_KEY] = 4, [RUDP_FAILURE_KEY_OF_PEER] = 1}},
		{.pid = 8, .buffered_bytes = UINT64_MAX, .limit_bytes = UINT64_MAX},
		{.pid = 0},
	};
	struct rudp_ss_list list = {.engine_stats = engines, .engines = 3};
	struct rudp_ss ss = {.json = true, .summary = true};

	cr_assert(ne(ptr, freopen(files_path("out"), "w", stdout), NULL));
	if (json)
		cr_assert(zero(int, rudp_ss_print_json(&ss, &list)));
	else
		rudp_ss_print_summary(&list);
	fflush(stdout);
}

Test(ss, the_summary_tells_what_the_buffers_of_each_engine_hold)
{
	print_summary(false);
	cr_assert(zero(int, files_run("cat $FILES/out", output)));
	cr_assert(ne(ptr,
		     strstr(output, "\nBuffers of engine 7: 5 of 1048576 bytes, 3 packets dropped "
				    "for lack of memory\nSockets of engine 7: 6 batches of packets "
				    "dropped because the send buffer was full\nDescriptors of "
				    "engine 7: at most 64, one for each "
				    "connection\nFailures of engine 7: key 4 key-of-peer 1 "),
		     NULL),
		  "%s", output);
	cr_assert(ne(ptr, strstr(output, "\nRemembered by engine 7: 2 destinations "), NULL), "%s",
		  output);
	cr_assert(ne(ptr, strstr(output, "\nBuffers of engine 8: "), NULL), "%s", output);
	cr_assert(eq(ptr, strstr(output, "of engine 8: key"), NULL), "%s", output);
	cr_assert(eq(ptr, strstr(output, "engine 0"), NULL), "%s", output);
}

Test(ss, the_summary_in_json_has_the_buffers_of_the_engines_that_tell)
{
	json_error_t error;
	json_t *all, *of;

	print_summary(true);
	all = json_load_file(files_path("out"), 0, &error);
	cr_assert(ne(ptr, all, NULL), "%s", error.text);
	cr_expect(eq(i64, json_integer_value(json_object_get(all, "engines")), 3));
	of = json_object_get(all, "buffers");
	cr_assert(eq(sz, json_array_size(of), 2));
	cr_expect(eq(i64,
		     json_integer_value(json_object_get(json_array_get(of, 1), "buffered_bytes")),
		     INT64_MAX));
	of = json_array_get(of, 0);
	cr_expect(eq(i64, json_integer_value(json_object_get(of, "pid")), 7));
	cr_expect(eq(i64, json_integer_value(json_object_get(of, "buffered_bytes")), 5));
	cr_expect(eq(i64, json_integer_value(json_object_get(of, "limit_bytes")), 1 << 20));
	cr_expect(
		eq(i64, json_integer_value(json_object_get(of, "packets_dropped_for_memory")), 3));
	cr_expect(eq(i64, json_integer_value(json_object_get(of, "trains_dropped_for_room")), 6));
	cr_expect(eq(i64, json_integer_value(json_object_get(of, "descriptors_max")), 64));
	cr_expect(eq(i64, json_integer_value(json_object_get(of, "remembered_tcp")), 2));
	of = json_object_get(of, "failures");
	cr_expect(eq(i64, json_integer_value(json_object_get(of, "key")), 4));
	cr_expect(eq(i64, json_integer_value(json_object_get(of, "silent")), 0));
	json_decref(all);
}

Test(capture, gives_words_and_exit_code_and_cuts_what_is_too_long)
{
	char *command[] = {"/bin/sh", "-c", "echo one; echo two >&2; exit 7", NULL};
	char *endless[] = {"/bin/sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x", NULL};
	char *killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
	char *missing[] = {"/no/such/program", NULL};
	char text[64];

	cr_assert(eq(int, rudp_capture(command, NULL, text, sizeof text), 7));
	cr_assert(eq(str, text, "one\ntwo"));
	cr_assert(eq(int, rudp_capture(endless, NULL, text, sizeof text), 0));
	cr_assert(eq(sz, strlen(text), sizeof text - 1));
	cr_assert(eq(int, rudp_capture(killed, NULL, text, sizeof text), -EINTR));
	cr_assert(eq(int, rudp_capture(missing, NULL, text, sizeof text), -ENOENT));
}

Test(doctor, the_findings_are_right_json_and_more_than_the_maximum_do_no_harm)
{
	static struct rudp_report report;
	json_error_t error;
	json_t *list;

	for (unsigned i = 0; i < 2 * RUDP_FINDINGS_MAX; i++)
		rudp_report_add(&report, RUDP_DOCTOR_OK, "test", NULL, "%u", i);
	cr_assert(eq(uint, report.count, RUDP_FINDINGS_MAX));
	cr_assert(eq(str, report.findings[RUDP_FINDINGS_MAX - 1].text, "127"));

	files_run("RUDP_CC=$(printf '\"\\377\\033') $RUDP doctor --json", output);
	list = json_loads(output, 0, &error);
	cr_assert(ne(ptr, list, NULL), "%s: %s", error.text, output);
	cr_assert(ge(sz, json_array_size(list), 11));
	json_decref(list);
}
