/* SPDX-License-Identifier: MIT */
/* The resolver's answer is libc's, unchanged. The names are noted for connect(). */
#include <netdb.h>

#include "api/name_notes.h"
#include "real.h"

RUDP_EXPORT int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			    struct addrinfo **answer)
{
	int rc = REAL(getaddrinfo)(node, service, hints, answer);

	if (rc == 0 && node) {
		int error = errno;

		rudp_name_notes_add(node, *answer);
		errno = error;
	}
	return rc;
}
