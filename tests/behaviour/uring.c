/* SPDX-License-Identifier: MIT */
#include "behaviour/uring.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "behaviour/check.h"

#define ENTRIES 4
#define ENTRIES_BYTES (ENTRIES * sizeof(struct io_uring_sqe))

bool uring_open(struct uring *ring)
{
	memset(ring, 0, sizeof(*ring));
	ring->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &ring->params);
	if (ring->fd < 0)
		return false;
	must(ring->params.features & IORING_FEAT_SINGLE_MMAP, "one mapping for both rings");
	ring->rings_size =
		ring->params.cq_off.cqes + ring->params.cq_entries * sizeof(struct io_uring_cqe);
	if (ring->rings_size < ring->params.sq_off.array + ENTRIES * sizeof(unsigned))
		ring->rings_size = ring->params.sq_off.array + ENTRIES * sizeof(unsigned);
	ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			   IORING_OFF_SQ_RING);
	ring->entries = mmap(NULL, ENTRIES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			     IORING_OFF_SQES);
	must(ring->rings != MAP_FAILED && ring->entries != MAP_FAILED, "mapping the rings");
	return true;
}

void uring_close(struct uring *ring)
{
	munmap(ring->rings, ring->rings_size);
	munmap(ring->entries, ENTRIES_BYTES);
	close(ring->fd);
}

static unsigned *at(struct uring *ring, unsigned offset)
{
	return (unsigned *)(ring->rings + offset);
}

static void submit(struct uring *ring, unsigned char operation, int fd, void *data, size_t len)
{
	unsigned *tail = at(ring, ring->params.sq_off.tail);
	unsigned index = *tail & *at(ring, ring->params.sq_off.ring_mask);

	memset(&ring->entries[index], 0, sizeof(ring->entries[index]));
	ring->entries[index].opcode = operation;
	ring->entries[index].fd = fd;
	ring->entries[index].addr = (unsigned long)data;
	ring->entries[index].len = (unsigned)len;
	at(ring, ring->params.sq_off.array)[index] = index;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	must(syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0) == 1, "io_uring_enter");
}

void uring_recv(struct uring *ring, int fd, void *data, size_t len)
{
	submit(ring, IORING_OP_RECV, fd, data, len);
}

void uring_accept(struct uring *ring, int fd)
{
	submit(ring, IORING_OP_ACCEPT, fd, NULL, 0);
}

int uring_result(struct uring *ring)
{
	unsigned *head = at(ring, ring->params.cq_off.head);
	unsigned *tail = at(ring, ring->params.cq_off.tail);
	const struct io_uring_cqe *results;
	int result;

	while (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		must(syscall(SYS_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) ==
			     0,
		     "io_uring_enter");
	results = (const struct io_uring_cqe *)(ring->rings + ring->params.cq_off.cqes);
	result = results[*head & *at(ring, ring->params.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}
