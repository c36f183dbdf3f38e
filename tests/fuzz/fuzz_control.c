/* SPDX-License-Identifier: MIT */
/*
 * The control channel: whatever bytes and descriptors programs send, the engine answers or refuses, ends
 * every call with its caller, and gives up each pipe and each end of a pair that it was sent. One engine
 * serves all inputs.
 *
 * An input is a list of steps. The first byte of a step says on which of CHANNELS channels it goes,
 * whether the caller is another user, and whether the request is well-formed. The next says how many
 * descriptors come along, and then one byte for each what it is. The rest are the fields of the request,
 * or its length and bytes.
 *
 * The engine lives in a network namespace without a link, and as a user of its own (user_namespaces(7)).
 * Where that is not allowed nothing is connected or bound.
 */
#include <assert.h>
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
#include "engine/control.h"
/* For its static turn(). */
#include "engine/loop.c"

#define CHANNELS 4
#define STEPS_MAX 32
#define FDS_MAX 8
#define KEPT_MAX (STEPS_MAX * FDS_MAX)
#define TURNS 4
#define CLOSED_WITHIN_MS 5000
#define USER 1000
#define RAW_MAX offsetof(struct rudp_control_request, addr)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rudp_engine engine;
static struct rudp_door *door;
static struct sockaddr_un door_name;
static socklen_t door_name_len;
static bool is_alone; /* in a network namespace */

struct input {
	const uint8_t *bytes;
	size_t left;
};

static struct {
	int channels[CHANNELS];
	int kept[KEPT_MAX];    /* our end, or copy, of what was sent */
	unsigned kept_count;
	int watched[KEPT_MAX]; /* of pipes and pairs: hang up when the engine has closed its end */
	unsigned watched_count;
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

static void open_door(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	door_name.sun_family = AF_UNIX;
	door_name_len = sizeof door_name;
	/* A name that the kernel finds. */
	assert(bind(fd, (struct sockaddr *)&door_name, sizeof door_name.sun_family) == 0);
	assert(getsockname(fd, (struct sockaddr *)&door_name, &door_name_len) == 0);
	assert(listen(fd, CHANNELS) == 0);
	assert(rudp_door_adopt(&engine, fd, RUDP_DOOR_OPEN) == 0);
	door = RUDP_LIST_OWNER(engine.doors.prev, struct rudp_door, link);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct rudp_settings settings;

	(void)argc;
	(void)argv;
	is_alone = leave_the_others();
	signal(SIGPIPE, SIG_IGN);
	assert(rudp_engine_init(&engine, &settings) == 0);
	engine.stays = true;
	open_door();
	return 0;
}

static void run_turns(void)
{
	struct epoll_event events[RUDP_EVENTS_PER_TURN];

	for (int i = 0; i < TURNS; i++) {
		int count = wait_events(&engine, events, 0);

		engine.now_at_ns = rudp_clock_now_ns(&rudp_clock_monotonic);
		engine.turns++;
		turn(&engine, events, count > 0 ? count : 0);
		while (rudp_calls_aside_look(&engine))
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

/* As the shim makes it; it stays here, as in a program. */
static int make_fresh(void)
{
	int fd = keep(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

	assert(rudp_mark_set(fd, 0) == 0);
	return fd;
}

static int make_one(uint8_t kind)
{
	switch (kind % 12) {
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
		return sent.kept_count > 0 ? sent.kept[kind / 12 % sent.kept_count] : make_fresh();
	default:
		return make_fresh();
	}
}

static bool is_watched_end(int fd)
{
	for (unsigned i = 0; i < sent.kept_count; i++)
		if (sent.kept[i] == fd)
			return false;
	return true;
}

/* ---- steps ---- */

static int channel_of(unsigned number, bool is_foreign)
{
	int fd = sent.channels[number];

	if (fd >= 0)
		return fd;
	engine.uid = geteuid() + is_foreign;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert(fd >= 0);
	sent.channels[number] = fd;
	(void)connect(fd, (struct sockaddr *)&door_name, door_name_len);
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
	take_bytes(input, &request.option, sizeof request.option);
	take_bytes(input, &request.value, take(input) % sizeof request.value);
	request.number = (int8_t)take(input);
	return request;
}

/* Raw bytes end before the address of a request, which is then empty. */
static size_t message_of(struct input *input, bool is_well_formed,
			 uint8_t bytes[sizeof(struct rudp_control_request) + RUDP_CONTROL_EARLY_MAX])
{
	struct rudp_control_request request;
	size_t len = sizeof request;

	memset(bytes, 0, sizeof request + RUDP_CONTROL_EARLY_MAX);
	if (is_well_formed) {
		request = request_of(input);
		memcpy(bytes, &request, sizeof request);
		if (request.operation == RUDP_CONTROL_CONNECT && request.number > 0)
			len += (size_t)request.number;
		return len;
	}
	len = take(input);
	len = len * 8 % (sizeof request + RUDP_CONTROL_EARLY_MAX);
	take_bytes(input, bytes, len < RAW_MAX ? len : RAW_MAX);
	return len;
}

static void send_message(int to, const void *bytes, size_t len, const int *fds, size_t count)
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
	(void)sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void step(struct input *input)
{
	uint8_t bytes[sizeof(struct rudp_control_request) + RUDP_CONTROL_EARLY_MAX];
	uint8_t how = take(input);
	int to = channel_of(how % CHANNELS, how & 16), fds[FDS_MAX];
	size_t count = take(input) % (FDS_MAX + 1), len, i;

	for (i = 0; i < count; i++)
		fds[i] = make_one(take(input));
	len = message_of(input, how & 32, bytes);
	send_message(to, bytes, len, fds, count);
	for (i = 0; i < count; i++)
		if (is_watched_end(fds[i]))
			close(fds[i]);
	if (how & 64)
		run_turns();
	if (how & 128) {
		close(to);
		sent.channels[how % CHANNELS] = -1;
	}
}

/* The engine closes some in threads of their own. */
static void expect_hang_up(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLHUP};

	assert(poll(&wait, 1, CLOSED_WITHIN_MS) == 1 && wait.revents & POLLHUP);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	sent.kept_count = sent.watched_count = 0;
	for (int i = 0; i < CHANNELS; i++)
		sent.channels[i] = -1;
	for (int i = 0; i < STEPS_MAX && input.left > 0; i++)
		step(&input);
	run_turns();
	for (int i = 0; i < CHANNELS; i++)
		if (sent.channels[i] >= 0)
			close(sent.channels[i]);
	run_turns();
	for (unsigned i = 0; i < sent.kept_count; i++)
		close(sent.kept[i]);
	run_turns();
	assert(engine.call_count == 0 && engine.stranger_count == 0);
	for (unsigned i = 0; i < sent.watched_count; i++)
		expect_hang_up(sent.watched[i]);
	return 0;
}
