/* SPDX-License-Identifier: MIT */
#include "api/address.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "api/raw_syscall.h"

#define NO_SUCH_OPTION 0x7fff
#define FAMILY_BYTES sizeof(sa_family_t)
#define PAGE_LEAST_BYTES 4096 /* on every processor that Linux has */
#define SIN6_LEN_MIN 24       /* RFC 2133 had no scope id; Linux still accepts this length */

/* Memory is readable in whole pages: if the first bytes are, so are the others of their page. */
static bool is_in_one_page(const void *start, size_t len)
{
	return (uintptr_t)start % PAGE_LEAST_BYTES + len <= PAGE_LEAST_BYTES;
}

/*
 * connect(2) on a rudp descriptor with another family than AF_UNIX, or without a path, reads the
 * address and then fails with EINVAL. So the kernel checks the pointer, by a call that a seccomp
 * filter of a program that connects allows.
 */
int rudp_address_copy_in(int fd, const struct sockaddr *user, socklen_t len,
			 struct sockaddr_storage *copy)
{
	if ((int)len < 0 || len > sizeof *copy)
		return -EINVAL;
	memset(copy, 0, sizeof *copy);
	if (len < FAMILY_BYTES)
		return len && rudp_raw_connect(fd, user, len) == -EFAULT ? -EFAULT : 0;
	if (rudp_raw_connect(fd, user, FAMILY_BYTES) == -EFAULT)
		return -EFAULT;
	if (user->sa_family == AF_UNIX) {
		copy->ss_family = AF_UNIX;
		return 0;
	}
	if (!is_in_one_page(user, len) && rudp_raw_connect(fd, user, len) == -EFAULT)
		return -EFAULT;
	memcpy(copy, user, len);
	return 0;
}

int rudp_address_check(const struct rudp_socket *s, const struct sockaddr_storage *copy,
		       socklen_t len, struct rudp_addr *addr)
{
	bool six = s->flags & RUDP_MARK_IPV6;
	socklen_t whole = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int rc;

	if (len < (six ? SIN6_LEN_MIN : whole))
		return -EINVAL;
	if (copy->ss_family != rudp_socket_family(s))
		return -EAFNOSUPPORT;
	rc = rudp_addr_from_sockaddr(addr, (const struct sockaddr *)copy, whole);
	/* Linux drops the scope id of addresses that are not link-local. */
	if (rc == 0 && addr->family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&addr->in6.sin6_addr))
		addr->in6.sin6_scope_id = 0;
	return rc;
}

int rudp_address_check_len(int fd, const socklen_t *user)
{
	int rc = rudp_raw_getsockopt(fd, SOL_SOCKET, NO_SUCH_OPTION, NULL, (socklen_t *)user);

	return rc == -EFAULT || rc == -EINVAL ? rc : 0;
}

socklen_t rudp_address_present(const struct rudp_addr *addr, unsigned flags,
			       struct sockaddr_in6 *out)
{
	memset(out, 0, sizeof *out);
	if (!(flags & RUDP_MARK_IPV6)) {
		struct sockaddr_in *in4 = (struct sockaddr_in *)out;

		in4->sin_family = AF_INET;
		if (addr->family == AF_INET) {
			in4->sin_port = addr->in4.sin_port;
			in4->sin_addr = addr->in4.sin_addr;
		}
		return sizeof *in4;
	}
	if (addr->family == AF_INET6) {
		*out = addr->in6;
		return sizeof *out;
	}
	out->sin6_family = AF_INET6;
	if (addr->family == AF_INET) {
		out->sin6_port = addr->in4.sin_port;
		out->sin6_addr.s6_addr[10] = out->sin6_addr.s6_addr[11] = 0xff;
		memcpy(out->sin6_addr.s6_addr + 12, &addr->in4.sin_addr, 4);
	}
	return sizeof *out;
}

int rudp_address_give(int fd, const struct sockaddr_in6 *shown, void *user, socklen_t len)
{
	/*
	 * SO_MEMINFO writes up to 36 bytes: the kernel checks as many bytes as the address will
	 * take.
	 */
	socklen_t written = len;
	int rc = rudp_raw_getsockopt(fd, SOL_SOCKET, SO_MEMINFO, user, &written);

	if (rc == 0 && len > 0) /* user may be NULL for no bytes */
		memcpy(user, shown, len);
	return rc;
}

int rudp_address_copy_out(int fd, const struct rudp_addr *addr, unsigned flags,
			  struct sockaddr *user, socklen_t *len)
{
	struct sockaddr_in6 shown;
	socklen_t whole = rudp_address_present(addr, flags, &shown);
	socklen_t room;
	int rc = rudp_address_check_len(fd, len);

	if (rc < 0)
		return rc;
	room = *len < whole ? *len : whole;
	rc = rudp_address_give(fd, &shown, user, room);
	if (rc == 0)
		*len = whole;
	return rc;
}
