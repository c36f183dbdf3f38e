/* SPDX-License-Identifier: MIT */
/*
 * The control channel: whatever bytes and descriptors programs send, the engine answers or refuses,
 * ends every call with its caller, and gives up each descriptor that it was sent. No turn waits for
 * one whose close lingers: these go on only after the turns. One engine serves all inputs.
 *
 * An input is a list of steps. The first byte of a step says on which of CHANNELS channels it goes,
 * whether that is opened at the open control listener, and whether the request is well-formed. The
 * next says how many descriptors come along, and then one byte for each what it is. The rest are
 * the fields of the request, or its length and bytes.
 *
 * The engine lives in a network namespace without a link, and as a user of its own
 * (user_namespaces(7)). Where that is not allowed nothing is connected or bound.
 *
 * There is no limit of time: while closes are pending the engine pauses its open control listener,
 * and a descriptor in its queue is given up behind that. What is never given up is found by
 * libFuzzer's -timeout.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "api/control.h"
#include "api/mark.h"
#include "engine/control/control.h"
#include "engine/ports/binding.h"
/* For its state. */
#include "engine/loop/deferred_close.c"
/* For its static turn(). */
#include "engine/loop/loop.c"

#define CHANNELS 4
#define STEPS_MAX 32
#define FDS_MAX 8
#define KEPT_MAX (STEPS_MAX * FDS_MAX)
#define TURNS 4
#define LOOK_AGAIN_MS 1
#define LINGER_S 3600
#define SPARE_FDS_MAX 64 /* sockets that the engine keeps for connections to come */
#define USER 1000
#define RAW_MAX offsetof(struct rudp_control_request, addr)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rudp_engine engine;
static struct sockaddr_un listener_names[RUDP_CONTROL_LISTENER_KINDS];
static socklen_t listener_name_lens[RUDP_CONTROL_LISTENER_KINDS];
static bool is_alone; /* in a network namespace */
static char session[] = "/tmp/rudp-fuzz-XXXXXX";
static unsigned fds_first; /* that are open before the first input */

struct input {
	const uint8_t *bytes;
	size_t left;
};

static struct {
	int channels[CHANNELS];
	enum rudp_control_listener_kind listeners[CHANNELS]; /* at which they were opened */
	int kept[KEPT_MAX]; /* our end, or copy, of what was sent */
	unsigned kept_count;
	int watched[KEPT_MAX]; /* of pipes and pairs: hang up when the engine has closed its end */
	unsigned watched_count;
	int unsent[KEPT_MAX]; /* would have been the engine's alone, if the message had been sent */
	unsigned unsent_count;
	int peers[KEPT_MAX]; /* read nothing, so that the close of the other end lingers */
	unsigned peer_count;
} sent;

static uint8_t take(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->bytes++;
}

static void take_bytes(struct input *input, void *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = take(input);
}

/* ---- the engine ---- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

/* A user that is neither root nor the overflow user, and a loopback interface of one's own. */
static bool leave_the_others(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	unsigned uid = geteuid();
	char map[64];
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	snprintf(map, sizeof map, "%u %u 1", USER, uid);
	write_file("/proc/self/uid_map", map);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		perror("lo");
	close(fd);
	return true;
}

static void open_listener(enum rudp_control_listener_kind kind)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un *name = &listener_names[kind];
	socklen_t *len = &listener_name_lens[kind];

	name->sun_family = AF_UNIX;
	*len = sizeof *name;
	/* A name that the kernel finds. */
	assert(bind(fd, (struct sockaddr *)name, sizeof name->sun_family) == 0);
	assert(getsockname(fd, (struct sockaddr *)name, len) == 0);
	assert(listen(fd, CHANNELS) == 0);
	assert(rudp_control_listener_adopt(&engine, fd, kind) == 0);
}

static void remove_session(void)
{
	char dir[sizeof session + 8];

	rudp_engine_fini(&engine);
	snprintf(dir, sizeof dir, "%s/rudp", session);
	(void)rmdir(dir);
	(void)rmdir(session);
}

static unsigned count_fds(void)
{
	DIR *entries = opendir("/proc/self/fd");
	unsigned count = 0;

	assert(entries);
	while (readdir(entries))
		count++;
	closedir(entries);
	return count;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct rudp_settings settings;

	(void)argc;
	(void)argv;
	is_alone = leave_the_others();
	signal(SIGPIPE, SIG_IGN);
	assert(mkdtemp(session));
	setenv("XDG_RUNTIME_DIR", session, 1);
	assert(rudp_engine_init(&engine, &settings) == 0);
	atexit(remove_session);
	engine.stays = true;
	open_listener(RUDP_CONTROL_LISTENER_CONTROL);
	open_listener(RUDP_CONTROL_LISTENER_OPEN);
	return 0;
}

static void run_turns(void)
{
	struct epoll_event events[RUDP_EVENTS_PER_TURN];

	for (int i = 0; i < TURNS; i++) {
		int count = wait_events(&engine, events, 0);

		engine.now_at_ns = rudp_clock_now_ns();
		engine.turns++;
		turn(&engine, events, count > 0 ? count : 0);
		while (rudp_calls_aside_serve(&engine))
			;
		rudp_calls_aside_settle(&engine);
		assert(!engine.over);
	}
}

/* ---- descriptors ---- */

static int keep(int fd)
{
	assert(sent.kept_count < KEPT_MAX);
	sent.kept[sent.kept_count++] = fd;
	return fd;
}

/* One end is sent, and given up here; the other tells when the engine has given it up, too. */
static int watch(const int ends[2])
{
	sent.watched[sent.watched_count++] = ends[0];
	return ends[1];
}

static int make_pair(int type)
{
	int ends[2];

	assert(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0);
	return watch(ends);
}

static int make_pipe(void)
{
	int ends[2];

	assert(pipe2(ends, O_CLOEXEC) == 0);
	return watch(ends);
}

static int make_listener(void)
{
	int fd = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	(void)listen(fd, 1);
	return fd;
}

/* Its close waits until its peer is closed. */
static int make_lingering(void)
{
	static const struct linger linger = {1, LINGER_S};
	static const uint8_t bytes[65536];
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof addr;
	int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	assert(bind(peer, (struct sockaddr *)&addr, len) == 0 && listen(peer, 1) == 0);
	assert(getsockname(peer, (struct sockaddr *)&addr, &len) == 0);
	/* The fuzzer's timer interrupts calls, and this one waits where the machine is busy. */
	do
		rc = connect(fd, (struct sockaddr *)&addr, len);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		perror("connect of a lingering socket");
	assert(rc == 0);
	while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
	assert(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
	sent.peers[sent.peer_count++] = peer;
	return fd;
}

static bool send_message(int to, const void *bytes, size_t len, const int *fds, size_t count);

/* A socket that contains a descriptor that is never read. */
static int wrap(int fd)
{
	int ends[2];

	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	assert(send_message(ends[0], "x", 1, &fd, 1));
	close(fd);
	return watch(ends);
}

/* As the shim makes it; it stays here, as in a program. */
static int make_fresh(void)
{
	int fd = keep(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

	assert(rudp_mark_set(fd, 0) == 0);
	return fd;
}

/* Sockets whose close lingers are sent to the open control listener only: the engine closes the
 * descriptors of its own user in its thread. */
static int make_one(uint8_t kind, bool may_linger)
{
	switch (kind % 14) {
	case 0:
		return keep(eventfd(0, EFD_CLOEXEC));
	case 1:
		return keep(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	case 2:
		return make_pair(SOCK_STREAM);
	case 3:
		return make_pair(SOCK_SEQPACKET);
	case 4:
		return keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	case 5:
		return keep(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	case 6:
		return make_pipe();
	case 7:
		return keep(open("/", O_PATH | O_CLOEXEC));
	case 8:
		return make_listener();
	case 9: /* again, what was sent before */
		return sent.kept_count > 0 ? sent.kept[kind / 14 % sent.kept_count] : make_fresh();
	case 10:
		return may_linger ? make_lingering() : make_fresh();
	case 11:
		return may_linger ? wrap(make_lingering()) : make_fresh();
	default:
		return make_fresh();
	}
}

/* Only the engine has it then. */
static bool is_given_up(int fd)
{
	for (unsigned i = 0; i < sent.kept_count; i++)
		if (sent.kept[i] == fd)
			return false;
	return true;
}

/* ---- steps ---- */

static int channel_of(unsigned number, enum rudp_control_listener_kind kind)
{
	int fd = sent.channels[number];

	if (fd >= 0)
		return fd;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert(fd >= 0);
	sent.channels[number] = fd;
	sent.listeners[number] = kind;
	(void)connect(fd, (struct sockaddr *)&listener_names[kind], listener_name_lens[kind]);
	return fd;
}

static struct rudp_control_request request_of(struct input *input)
{
	struct rudp_control_request request = {.version = RUDP_CONTROL_VERSION};
	uint8_t flags = take(input);

	request.operation = take(input) % RUDP_CONTROL_OPERATION_COUNT;
	if (!is_alone)
		request.operation = RUDP_CONTROL_LIST;
	request.flags = flags & 3;
	if (flags & 4)
		memcpy(request.token, engine.token, sizeof request.token);
	request.id = take(input);
	rudp_addr_parse(&request.addr, flags & 8 ? "[::1]:0" : "127.0.0.1:0");
	rudp_addr_set_port(&request.addr, take(input));
	if (flags & 16)
		request.addr.family = take(input);
	take_bytes(input, &request.level, sizeof request.level);
	if (request.operation == RUDP_CONTROL_CONNECT)
		request.level = (int8_t)request.level; /* bytes of names */
	take_bytes(input, &request.option, sizeof request.option);
	take_bytes(input, &request.value, take(input) % sizeof request.value);
	request.number = (int8_t)take(input);
	return request;
}

/* Raw bytes end before the address of a request, which is then empty. */
static size_t message_of(struct input *input, bool is_well_formed,
			 uint8_t bytes[sizeof(struct rudp_control_request) + RUDP_CONTROL_MORE_MAX])
{
	struct rudp_control_request request;
	size_t len = sizeof request;

	memset(bytes, 0, sizeof request + RUDP_CONTROL_MORE_MAX);
	if (is_well_formed) {
		request = request_of(input);
		memcpy(bytes, &request, sizeof request);
		if (request.operation != RUDP_CONTROL_CONNECT)
			return len;
		if (request.level > 0) {
			take_bytes(input, bytes + len, (size_t)request.level - 1);
			len += (size_t)request.level;
		}
		if (request.number > 0)
			len += (size_t)request.number;
		return len;
	}
	len = take(input);
	len = len * 8 % (sizeof request + RUDP_CONTROL_MORE_MAX);
	take_bytes(input, bytes, len < RAW_MAX ? len : RAW_MAX);
	return len;
}

static bool send_message(int to, const void *bytes, size_t len, const int *fds, size_t count)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(FDS_MAX * sizeof(int))] = {0};
	struct iovec iov = {(void *)bytes, len};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (count > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	}
	return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

static void step(struct input *input)
{
	uint8_t bytes[sizeof(struct rudp_control_request) + RUDP_CONTROL_MORE_MAX];
	uint8_t how = take(input);
	int to = channel_of(how % CHANNELS,
			    how & 16 ? RUDP_CONTROL_LISTENER_OPEN : RUDP_CONTROL_LISTENER_CONTROL);
	bool may_linger = is_alone && sent.listeners[how % CHANNELS] == RUDP_CONTROL_LISTENER_OPEN;
	int fds[FDS_MAX];
	size_t count = take(input) % (FDS_MAX + 1), len, i;
	bool is_sent;

	for (i = 0; i < count; i++)
		fds[i] = make_one(take(input), may_linger);
	len = message_of(input, how & 32, bytes);
	is_sent = send_message(to, bytes, len, fds, count);
	for (i = 0; i < count; i++) {
		if (!is_given_up(fds[i]))
			continue;
		if (is_sent)
			close(fds[i]);
		else
			sent.unsent[sent.unsent_count++] = fds[i]; /* its close may wait */
	}
	if (how & 64)
		run_turns();
	if (how & 128) {
		close(to);
		sent.channels[how % CHANNELS] = -1;
	}
}

static bool is_nothing_pending(void)
{
	bool is_none;

	pthread_mutex_lock(&all.lock);
	is_none = all.count == 0 && all.closing == 0;
	pthread_mutex_unlock(&all.lock);
	return is_none;
}

static bool have_hung_up(void)
{
	struct pollfd ends[KEPT_MAX];

	for (unsigned i = 0; i < sent.watched_count; i++)
		ends[i] = (struct pollfd){.fd = sent.watched[i], .events = POLLHUP};
	return poll(ends, sent.watched_count, 0) == (int)sent.watched_count;
}

static void close_all_of(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

static void settle(void)
{
	while (!have_hung_up() || !is_nothing_pending() || engine.call_count > 0 ||
	       engine.unauthenticated_count > 0) {
		run_turns();
		poll(NULL, 0, LOOK_AGAIN_MS);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	if (!fds_first)
		fds_first = count_fds();
	sent.kept_count = sent.watched_count = sent.unsent_count = sent.peer_count = 0;
	for (int i = 0; i < CHANNELS; i++)
		sent.channels[i] = -1;
	for (int i = 0; i < STEPS_MAX && input.left > 0; i++)
		step(&input);
	run_turns();
	for (int i = 0; i < CHANNELS; i++)
		if (sent.channels[i] >= 0)
			close(sent.channels[i]);
	run_turns();
	close_all_of(sent.kept, sent.kept_count);
	run_turns();
	close_all_of(sent.peers, sent.peer_count);
	close_all_of(sent.unsent, sent.unsent_count);
	settle();
	close_all_of(sent.watched, sent.watched_count);
	rudp_binding_probe_all(&engine);
	assert(count_fds() <= fds_first + SPARE_FDS_MAX);
	return 0;
}
