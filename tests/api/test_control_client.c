/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stdio.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/control_client.h"
#include "api/engine_start.h"
#include "api/run_dir.h"
#include "session.h"

/* A mock engine that gives the answers that the test sets, on a control name of its own. */
struct engine {
	struct rudp_nonce nonce;
	int listener;
	pthread_t thread;
	void (*serve)(struct engine *engine, int channel);
	struct rudp_control_request seen[2];
	int passed;    /* number of descriptors that came with the first request */
	int same_file; /* the descriptor that came is the socket named by expected */
	int expected;
	pthread_t waiter;
};

static void receive_request(struct engine *engine, int channel, int index)
{
	char control[CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov = {&engine->seen[index], sizeof engine->seen[index]};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof control};
	struct cmsghdr *cmsg;

	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) <= 0)
		return;
	for (cmsg = CMSG_FIRSTHDR(&message); cmsg; cmsg = CMSG_NXTHDR(&message, cmsg)) {
		int fd, value = 0;
		socklen_t len = sizeof value;

		memcpy(&fd, CMSG_DATA(cmsg), sizeof fd);
		getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &value, &len);
		engine->passed++;
		engine->same_file = value == 5;
		close(fd);
	}
}

static void answer(struct engine *engine, int channel, int error)
{
	struct rudp_control_reply reply = {.version = RUDP_CONTROL_VERSION,
					   .operation = engine->seen[0].operation,
					   .error = error,
					   .id = 77};

	send(channel, &reply, sizeof reply, MSG_NOSIGNAL);
}

static void serve_error_13(struct engine *engine, int channel)
{
	receive_request(engine, channel, 0);
	answer(engine, channel, 13);
}

static void serve_nothing(struct engine *engine, int channel)
{
	receive_request(engine, channel, 0);
}

static void serve_short_reply(struct engine *engine, int channel)
{
	receive_request(engine, channel, 0);
	send(channel, "x", 1, MSG_NOSIGNAL);
}

static void serve_after_go_on(struct engine *engine, int channel)
{
	receive_request(engine, channel, 0);
	receive_request(engine, channel, 1);
	answer(engine, channel, EINPROGRESS);
}

static void serve_after_signal(struct engine *engine, int channel)
{
	char byte;

	receive_request(engine, channel, 0);
	/* The signal may arrive before the caller waits, so it is sent until GO_ON arrives. */
	while (recv(channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0) {
		pthread_kill(engine->waiter, SIGUSR1);
		sched_yield();
	}
	receive_request(engine, channel, 1);
	answer(engine, channel, EINPROGRESS);
}

static void *engine_main(void *argument)
{
	struct engine *engine = argument;
	int channel = accept(engine->listener, NULL, NULL);

	engine->serve(engine, channel);
	close(channel);
	return NULL;
}

static struct engine *prepare(void (*serve)(struct engine *engine, int channel))
{
	static struct engine engine;
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL};
	struct sockaddr_un un;
	socklen_t len;

	memset(&engine, 0, sizeof engine);
	engine.nonce = unused_nonce();
	name.nonce = engine.nonce;
	len = rudp_name_write(&name, &un);
	engine.serve = serve;
	engine.waiter = pthread_self();
	engine.listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	cr_assert(eq(int, bind(engine.listener, (struct sockaddr *)&un, len), 0));
	cr_assert(eq(int, listen(engine.listener, 4), 0));
	return &engine;
}

static struct engine *start(void (*serve)(struct engine *engine, int channel))
{
	struct engine *engine = prepare(serve);

	cr_assert(eq(int, pthread_create(&engine->thread, NULL, engine_main, engine), 0));
	return engine;
}

/* The lowest free number. Standard input may be free too. */
static int any_fd(void)
{
	return open("/dev/null", O_RDONLY);
}

static int marked_file(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int priority = 5;

	setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
	return fd;
}

Test(control_client, brings_request_and_descriptor_and_takes_the_reply)
{
	struct engine *engine = start(serve_error_13);
	struct rudp_control_call call;

	rudp_control_begin(&call, &engine->nonce, RUDP_CONTROL_LISTEN, marked_file());
	call.request.number = 9;
	cr_assert(eq(int, rudp_control_make(&call), 0));
	pthread_join(engine->thread, NULL);
	cr_assert(eq(int, call.reply.error, 13));
	cr_assert(eq(u64, call.reply.id, 77));
	cr_assert(eq(int, engine->seen[0].operation, RUDP_CONTROL_LISTEN));
	cr_assert(eq(int, engine->seen[0].version, RUDP_CONTROL_VERSION));
	cr_assert(eq(int, engine->seen[0].number, 9));
	cr_assert(eq(int, engine->passed, 1));
	cr_assert(eq(int, engine->same_file, 1));
}

Test(control_client, leaves_no_descriptor_open)
{
	struct engine *engine = prepare(serve_error_13);
	struct rudp_control_call call;
	int before = any_fd(), after;

	/* Counted before the thread starts: a starting thread may have a file of libc open. */
	close(before);
	cr_assert(eq(int, pthread_create(&engine->thread, NULL, engine_main, engine), 0));
	rudp_control_begin(&call, &engine->nonce, RUDP_CONTROL_INFO, -1);
	rudp_control_make(&call);
	pthread_join(engine->thread, NULL);
	after = any_fd();
	cr_assert(eq(int, after, before));
}

Test(control_client, says_when_there_is_no_such_engine)
{
	struct rudp_nonce nobody = unused_nonce();
	struct rudp_control_call call;

	errno = 99;
	rudp_control_begin(&call, &nobody, RUDP_CONTROL_INFO, -1);
	cr_assert(eq(int, rudp_control_make(&call), -ECONNREFUSED));
	cr_assert(eq(int, errno, 99));
}

Test(control_client, says_when_the_engine_ends_without_a_reply)
{
	struct engine *engine = start(serve_nothing);
	struct rudp_control_call call;

	rudp_control_begin(&call, &engine->nonce, RUDP_CONTROL_INFO, -1);
	cr_assert(eq(int, rudp_control_make(&call), -ECONNRESET));
}

Test(control_client, refuses_a_reply_of_another_version)
{
	struct engine *engine = start(serve_short_reply);
	struct rudp_control_call call;

	rudp_control_begin(&call, &engine->nonce, RUDP_CONTROL_INFO, -1);
	cr_assert(eq(int, rudp_control_make(&call), -EPROTO));
}

Test(control_client, asks_to_go_on_when_its_time_is_over)
{
	struct engine *engine = start(serve_after_go_on);
	struct rudp_control_call call;

	rudp_control_begin(&call, &engine->nonce, RUDP_CONTROL_CONNECT, marked_file());
	call.interruptible = true;
	call.timeout.tv_usec = 1000;
	cr_assert(eq(int, rudp_control_make(&call), 0));
	pthread_join(engine->thread, NULL);
	cr_assert(eq(int, call.went_on, 1));
	cr_assert(eq(int, call.cut_short, EINPROGRESS));
	cr_assert(eq(int, call.reply.error, EINPROGRESS));
	cr_assert(eq(int, engine->seen[1].operation, RUDP_CONTROL_GO_ON));
	cr_assert(eq(int, engine->passed, 1));
}

static void on_signal(int number)
{
	(void)number;
}

Test(control_client, asks_to_go_on_when_a_signal_comes)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct rudp_control_call call;
	struct engine *engine;
	sigset_t usr1;

	/* The caller of the test may have blocked the signal. */
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	sigaction(SIGUSR1, &action, NULL);
	engine = start(serve_after_signal);
	rudp_control_begin(&call, &engine->nonce, RUDP_CONTROL_CONNECT, -1);
	call.interruptible = true;
	cr_assert(eq(int, rudp_control_make(&call), 0));
	pthread_join(engine->thread, NULL);
	cr_assert(eq(int, call.cut_short, EINTR));
	cr_assert(eq(int, engine->seen[1].operation, RUDP_CONTROL_GO_ON));
}

static void serve_13_if_passed(struct engine *engine, int channel)
{
	receive_request(engine, channel, 0);
	answer(engine, channel, engine->passed == 1 && engine->same_file ? 13 : 14);
}

Test(control_client, gets_through_with_a_full_descriptor_table)
{
	struct rlimit limit = {64, 64};
	struct rudp_control_call call;
	struct engine *engine = prepare(serve_13_if_passed);
	int fd = marked_file();

	/* Done in another process, because this one needs free numbers. */
	if (fork() == 0) {
		engine_main(engine);
		_exit(0);
	}
	setrlimit(RLIMIT_NOFILE, &limit);
	while (any_fd() >= 0)
		;
	rudp_control_begin(&call, &engine->nonce, RUDP_CONTROL_LISTEN, fd);
	cr_assert(eq(int, rudp_control_make(&call), 0));
	cr_assert(eq(int, call.reply.error, 13));
	cr_assert(ge(int, fcntl(0, F_GETFD), 0)); /* the child closed it only in its own table */
}

#define NOBODY 65534

/* An attacker can bind an abstract well-known name, so programs do not call it. */
Test(control_client, finds_no_engine_by_a_well_known_name_that_is_abstract)
{
	const struct rudp_nonce random = unused_nonce();
	struct rudp_name name = {.kind = RUDP_NAME_WELL_KNOWN, .uid = geteuid()};
	struct rudp_engine_ref engine;
	struct sockaddr_un un;
	socklen_t len;
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	memcpy(&name.settings, random.bytes, sizeof name.settings);
	len = rudp_name_write(&name, &un);
	cr_assert(zero(int, bind(listener, (struct sockaddr *)&un, len)));
	cr_assert(zero(int, listen(listener, 1)));
	cr_assert(eq(int, rudp_engine_hello(name.settings, &engine), -ECONNREFUSED));
	close(listener);
}

static void open_to_all(const char *dir)
{
	cr_assert(zero(int, chmod(dir, 0755)));
}

static void give_away(const char *dir)
{
	cr_assert(zero(int, chown(dir, NOBODY, NOBODY)));
}

static void replace_by_link(const char *dir)
{
	cr_assert(zero(int, rmdir(dir)));
	cr_assert(zero(int, symlink("/tmp", dir)));
}

Test(control_client, uses_no_directory_that_others_may_change)
{
	static void (*const spoil[])(const char *dir) = {open_to_all, give_away, replace_by_link};

	for (size_t i = 0; i < sizeof spoil / sizeof *spoil; i++) {
		char dir[RUDP_RUN_DIR_SIZE];

		if (spoil[i] == give_away && geteuid() != 0)
			continue;
		make_run_dir(dir);
		cr_assert(rudp_run_dir_is_private(dir, geteuid()));
		spoil[i](dir);
		cr_expect(not(rudp_run_dir_is_private(dir, geteuid())), "case %zu", i);
		cr_assert(zero(int, remove(dir)));
		rmdir(getenv("XDG_RUNTIME_DIR"));
	}
}

/* A user who may rename entries of a directory could replace ours by another. */
Test(control_client, uses_no_session_directory_of_another_user)
{
	char session[] = "/tmp/rudp-XXXXXX", dir[RUDP_RUN_DIR_SIZE];

	cr_assert(ne(ptr, mkdtemp(session), NULL));
	setenv("XDG_RUNTIME_DIR", session, 1);
	cr_assert(rudp_run_dir_place(0, geteuid(), dir));
	cr_assert(zero(int, chmod(session, 0777)));
	cr_assert(not(rudp_run_dir_place(0, geteuid(), dir)));
	if (geteuid() == 0) {
		cr_assert(zero(int, chmod(session, 0700)));
		cr_assert(zero(int, chown(session, NOBODY, NOBODY)));
		cr_assert(not(rudp_run_dir_place(0, geteuid(), dir)));
	}
	rmdir(session);
}

/* Binds the name of an engine that has ended, and stays until it or the test is killed. */
static void pose_as_engine(const struct rudp_name *name, int ready)
{
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(name, &un);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	bool poses = setresuid(NOBODY, NOBODY, NOBODY) == 0 &&
		     bind(fd, (struct sockaddr *)&un, len) == 0 && listen(fd, 1) == 0;

	/* A change of credentials clears PR_SET_PDEATHSIG, so it is set after that. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(ready, &poses, 1) == 1)
		pause();
	_exit(1);
}

static pid_t poser_start(const struct rudp_name *name)
{
	bool poses = false;
	int ends[2];
	pid_t child;

	if (geteuid() != 0)
		cr_skip_test("it needs root");
	cr_assert(zero(int, pipe(ends)));
	child = fork();
	if (child == 0)
		pose_as_engine(name, ends[1]);
	cr_assert(eq(int, (int)read(ends[0], &poses, 1), 1));
	cr_assert(poses);
	return child;
}

static void poser_end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

Test(control_client, gives_no_descriptor_to_another_user)
{
	const struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = unused_nonce()};
	pid_t child = poser_start(&name);
	struct rudp_control_call call;
	int fd = marked_file();

	rudp_control_begin(&call, &name.nonce, RUDP_CONTROL_BIND, fd);
	call.timeout.tv_sec = 1;
	cr_expect(eq(int, rudp_control_make(&call), -ECONNREFUSED));
	poser_end(child);
	close(fd);
}

Test(control_client, waits_for_no_answer_of_another_user, .timeout = 60)
{
	const struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = unused_nonce()};
	pid_t child = poser_start(&name);
	struct rudp_control_call call;

	rudp_control_begin(&call, &name.nonce, RUDP_CONTROL_INFO, -1);
	cr_expect(eq(int, rudp_control_make(&call), -ECONNREFUSED));
	poser_end(child);
}

/* For example rudp ss of root, which asks the engines of all users. */
Test(control_client, asks_another_user_who_may_keep_it_waiting_for_so_long_only, .timeout = 60)
{
	const struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = unused_nonce()};
	pid_t child = poser_start(&name);
	struct rudp_control_call call;

	rudp_control_begin(&call, &name.nonce, RUDP_CONTROL_INFO, -1);
	call.timeout.tv_sec = 1;
	cr_expect(eq(int, rudp_control_make(&call), -ETIMEDOUT));
	poser_end(child);
}

Test(control_client, does_not_wait_for_ever_to_be_let_in, .timeout = 120)
{
	const struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = unused_nonce()};
	pid_t child = poser_start(&name);
	struct rudp_control_call call;
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(&name, &un);
	int waiting;

	do
		waiting = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	while (connect(waiting, (struct sockaddr *)&un, len) == 0);
	rudp_control_begin(&call, &name.nonce, RUDP_CONTROL_INFO, -1);
	cr_expect(eq(int, rudp_control_make(&call), -ETIMEDOUT));
	poser_end(child);
}

/* A stopped engine accepts no calls. Programs must not wait for it for ever. */
Test(control_client, gives_up_on_a_well_known_name_that_does_not_answer, .timeout = 120)
{
	const struct rudp_nonce random = unused_nonce();
	struct rudp_name name = {.kind = RUDP_NAME_WELL_KNOWN, .uid = geteuid()};
	struct rudp_engine_ref engine;
	char dir[RUDP_RUN_DIR_SIZE];
	struct sockaddr_un un;
	socklen_t len;
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	int waiting = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	memcpy(&name.settings, random.bytes, sizeof name.settings);
	make_run_dir(dir);
	rudp_run_dir_place_name(&name, listener);
	len = rudp_name_write_path(&name, dir, &un);
	cr_assert(zero(int, bind(listener, (struct sockaddr *)&un, len)));
	cr_assert(zero(int, listen(listener, 0)));
	cr_assert(zero(int, connect(waiting, (struct sockaddr *)&un, len)));
	cr_assert(eq(int, rudp_engine_hello(name.settings, &engine), -ETIMEDOUT));
	close(waiting);
	close(listener);
	remove_run_dir(dir, &un);
}

/* The kernel connects the channel of a stopped engine, and takes the request. */
static void expect_no_answer(bool interruptible)
{
	struct engine *engine = prepare(serve_nothing);
	struct rudp_control_call call;

	rudp_control_begin(&call, &engine->nonce, RUDP_CONTROL_CONNECT, -1);
	call.interruptible = interruptible;
	call.timeout.tv_usec = interruptible ? 1000 : 0;
	cr_assert(eq(int, rudp_control_make(&call), -ETIMEDOUT));
	close(engine->listener);
}

Test(control_client, does_not_wait_for_ever_for_an_answer, .timeout = 60)
{
	expect_no_answer(false);
}

Test(control_client, does_not_wait_for_ever_for_the_answer_to_go_on, .timeout = 60)
{
	expect_no_answer(true);
}
