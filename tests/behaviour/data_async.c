/* SPDX-License-Identifier: MIT */
/* Asynchronous input and output: POSIX aio and io_uring. */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

static long finish_aio(struct aiocb *block)
{
	const struct aiocb *list[] = {block};
	while (aio_error(block) == EINPROGRESS)
		aio_suspend(list, 1, NULL);
	errno = aio_error(block);
	return aio_return(block);
}

CHECK(aio_reads_and_writes)
{
	int client, server;
	char data[16];
	connected_pair(AF_INET, &client, &server);
	struct aiocb reading = {.aio_fildes = server, .aio_buf = data, .aio_nbytes = sizeof(data)};
	struct aiocb writing = {.aio_fildes = client, .aio_buf = "by aio", .aio_nbytes = 6};
	say_result("aio_write", aio_write(&writing));
	say_result("written", finish_aio(&writing));
	wait_unread(server, 6);
	say_result("aio_read", aio_read(&reading));
	say_result("read", finish_aio(&reading));
}

#define RING_ENTRIES 8

struct ring {
	int fd;
	unsigned *sq_tail, *sq_array, *cq_head, *cq_tail, sq_mask, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static char *map(int fd, size_t len, off_t offset)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
	must(at != MAP_FAILED, "mmap of a ring");
	return at;
}

/* Returns false, and prints it, if io_uring is disabled here. */
static bool open_ring(struct ring *ring)
{
	struct io_uring_params params = {0};
	ring->fd = (int)syscall(SYS_io_uring_setup, RING_ENTRIES, &params);
	if (ring->fd < 0) {
		say_result("io_uring_setup", -1);
		return false;
	}
	char *sq = map(ring->fd, params.sq_off.array + params.sq_entries * sizeof(unsigned),
		       IORING_OFF_SQ_RING);
	char *cq =
		map(ring->fd, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
		    IORING_OFF_CQ_RING);
	ring->sqes = (void *)map(ring->fd, params.sq_entries * sizeof(struct io_uring_sqe),
				 IORING_OFF_SQES);
	ring->sq_tail = (void *)(sq + params.sq_off.tail);
	ring->sq_array = (void *)(sq + params.sq_off.array);
	ring->sq_mask = *(unsigned *)(void *)(sq + params.sq_off.ring_mask);
	ring->cq_head = (void *)(cq + params.cq_off.head);
	ring->cq_tail = (void *)(cq + params.cq_off.tail);
	ring->cq_mask = *(unsigned *)(void *)(cq + params.cq_off.ring_mask);
	ring->cqes = (void *)(cq + params.cq_off.cqes);
	return true;
}

static void submit(struct ring *ring, const struct io_uring_sqe *entry)
{
	unsigned tail = *ring->sq_tail, index = tail & ring->sq_mask;
	ring->sqes[index] = *entry;
	ring->sq_array[index] = index;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	must(syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0) == 1, "io_uring_enter");
}

/* The next result, as a system call would return it. */
static long complete(struct ring *ring)
{
	while (__atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) == *ring->cq_head)
		syscall(SYS_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	long result = ring->cqes[*ring->cq_head & ring->cq_mask].res;
	__atomic_store_n(ring->cq_head, *ring->cq_head + 1, __ATOMIC_RELEASE);
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

static long do_one(struct ring *ring, unsigned char operation, int fd, const void *data,
		   unsigned len, unsigned flags)
{
	struct io_uring_sqe entry = {.opcode = operation,
				     .fd = fd,
				     .addr = (uint64_t)(uintptr_t)data,
				     .len = len,
				     .msg_flags = flags};
	submit(ring, &entry);
	return complete(ring);
}

CHECK(a_ring_sends_and_receives)
{
	int client, server;
	char data[32];
	struct ring ring;
	if (!open_ring(&ring))
		return;
	connected_pair(AF_INET, &client, &server);
	say_result("send", do_one(&ring, IORING_OP_SEND, client, "by a ring", 9, 0));
	wait_unread(server, 9);
	say_data("recv", data, do_one(&ring, IORING_OP_RECV, server, data, sizeof(data), 0));
	say_result("write", do_one(&ring, IORING_OP_WRITE, server, "back", 4, 0));
	wait_unread(client, 4);
	say_data("read", data, do_one(&ring, IORING_OP_READ, client, data, sizeof(data), 0));
	say_result("recv DONTWAIT",
		   do_one(&ring, IORING_OP_RECV, client, data, sizeof(data), MSG_DONTWAIT));
	say_result("shutdown", do_one(&ring, IORING_OP_SHUTDOWN, client, NULL, SHUT_WR, 0));
	say_result("end of file", do_one(&ring, IORING_OP_RECV, server, data, sizeof(data), 0));
}

CHECK(a_ring_waits_for_data)
{
	int client, server;
	char data[32];
	struct ring ring;
	if (!open_ring(&ring))
		return;
	connected_pair(AF_INET, &client, &server);
	struct io_uring_sqe entry = {.opcode = IORING_OP_RECV,
				     .fd = server,
				     .len = sizeof(data),
				     .addr = (uint64_t)(uintptr_t)data};
	submit(&ring, &entry);
	put(client, "late");
	say_data("recv", data, complete(&ring));
	entry = (struct io_uring_sqe){
		.opcode = IORING_OP_POLL_ADD, .fd = server, .poll32_events = POLLIN};
	submit(&ring, &entry);
	put(client, "x");
	say("poll has IN: %d", (complete(&ring) & POLLIN) != 0);
}

CHECK(a_ring_accepts)
{
	struct sockaddr_storage addr;
	struct ring ring;
	char data[16];
	if (!open_ring(&ring))
		return;
	int listening = listener(AF_INET, &addr);
	struct io_uring_sqe entry = {.opcode = IORING_OP_ACCEPT, .fd = listening};
	submit(&ring, &entry);
	int client = fresh(AF_INET, 0);
	say_result("connect", connect_to(client, &addr));
	int server = (int)complete(&ring);
	say("accepted %d", server >= 0);
	put(client, "hello");
	wait_for(server, POLLIN);
	say_data("recv", data, recv(server, data, sizeof(data), 0));
	put(server, "answer");
	wait_for(client, POLLIN);
	say_data("recv", data, recv(client, data, sizeof(data), 0));
	close(server);
	say_result("end of file", recv(client, data, sizeof(data), 0));
}

CHECK(a_ring_connects)
{
	struct sockaddr_storage addr;
	struct ring ring;
	if (!open_ring(&ring))
		return;
	listener(AF_INET, &addr);
	int client = fresh(AF_INET, 0);
	struct io_uring_sqe entry = {.opcode = IORING_OP_CONNECT,
				     .fd = client,
				     .addr = (uint64_t)(uintptr_t)&addr,
				     .off = address_len(&addr)};
	submit(&ring, &entry);
	say_result("connect", complete(&ring));
}
