/* SPDX-License-Identifier: MIT */
/* The half of `rudp key enroll' that adds the host to the known hosts here. */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"

#define NAMES_MAX ((RUDP_RESOLVED_MAX + 1) * RUDP_ENROLL_PORTS_MAX)

/* Whether the host may be added: 1 yes, 0 it is known with this key, -1 an error was printed. */
static int may_add(const struct rudp_known_hosts *hosts, const char *host,
		   const uint8_t key[RUDP_IDENTITY_BYTES])
{
	char was[RUDP_FINGERPRINT_FULL_SIZE], is[RUDP_FINGERPRINT_FULL_SIZE];
	uint8_t known[RUDP_IDENTITY_BYTES];
	enum rudp_known_host found = rudp_known_hosts_find_name(hosts, host, known, NULL);

	if (rudp_known_hosts_is_revoked(hosts, key)) {
		warnx("%s: the key %s is revoked in the known hosts; nothing was added", host,
		      rudp_fingerprint_full(key, is));
		return -1;
	}
	if (found == RUDP_HOST_UNKNOWN)
		return 1;
	if (memcmp(known, key, RUDP_IDENTITY_BYTES) == 0)
		return 0;
	/* With another key on all ports, the host may have this one on its port. */
	if (!rudp_known_hosts_has(hosts, host))
		return 1;
	warnx("%s: is known with the key %s, and now shows the key %s; if you expect that, "
	      "use 'rudp key forget %s' and try again",
	      host, rudp_fingerprint_full(known, was), rudp_fingerprint_full(key, is), host);
	return -1;
}

/* The name and the addresses under which the host is to be known, with each of the ports. */
struct names {
	char list[NAMES_MAX][RUDP_HOST_TEXT_SIZE];
	unsigned count;
};

static void add_name(struct names *names, const char *text)
{
	for (unsigned i = 0; i < names->count; i++)
		if (rudp_known_hosts_is_meant(names->list[i], strlen(names->list[i]), text))
			return;
	strcpy(names->list[names->count++], text);
}

/* port: 0 for all ports. host: as ssh connects to it. */
static void add_names(struct names *names, const char *host, const struct rudp_resolved *resolved,
		      uint16_t port)
{
	char text[RUDP_HOST_TEXT_SIZE];

	/* An IPv6 address is among the resolved ones, with the brackets that a port needs. */
	snprintf(text, sizeof text, port ? "%.255s:%u" : "%.255s", host, port);
	if (!strchr(host, ':') && rudp_known_hosts_is_host(text))
		add_name(names, text);
	for (unsigned i = 0; i < resolved->count; i++) {
		struct rudp_addr addr = resolved->addrs[i];

		rudp_addr_set_port(&addr, port);
		add_name(names, rudp_known_hosts_format(&addr, text));
	}
}

static bool is_loopback(const struct rudp_resolved *resolved)
{
	for (unsigned i = 0; i < resolved->count; i++)
		if (rudp_addr_is_loopback(&resolved->addrs[i]))
			return true;
	return false;
}

/*
 * Finds the names. false: an error was printed. Loopback addresses are those of the programs of all
 * users here, and perhaps of tunnels to other hosts: one key cannot be that of all their ports.
 */
static bool collect_names(struct names *names, const char *host,
			  const struct rudp_enroll_ports *ports)
{
	static struct rudp_resolved resolved;
	const char *why = rudp_resolve(&resolved, host);

	if (why)
		warnx("%s: %s; it is known by its name only", host, why);
	if (!ports->count && is_loopback(&resolved)) {
		warnx("%s: is a loopback address, where each program may have another key; "
		      "nothing was added to the known hosts here. Name the ports (--port)",
		      host);
		return false;
	}
	for (unsigned i = 0; i < ports->count; i++)
		add_names(names, host, &resolved, ports->list[i]);
	if (!ports->count)
		add_names(names, host, &resolved, 0);
	return true;
}

/* Adds those names that are not known. All are checked before the first is written. */
static bool write_names(const struct rudp_known_hosts *hosts, const char *path,
			const struct names *names, const uint8_t key[RUDP_IDENTITY_BYTES])
{
	char full[RUDP_FINGERPRINT_FULL_SIZE];
	int fd, rc = 0;

	for (unsigned i = 0; i < names->count; i++)
		if (may_add(hosts, names->list[i], key) < 0)
			return false;
	rc = rudp_make_parents(path);
	fd = rc < 0 ? rc : rudp_known_hosts_open(path);
	for (unsigned i = 0; fd >= 0 && rc == 0 && i < names->count; i++) {
		bool is_new = may_add(hosts, names->list[i], key) > 0;

		rc = is_new ? rudp_known_hosts_append(fd, names->list[i], key, NULL) : 0;
		if (rc == 0)
			printf("%s: %s %s, key %s\n", path, names->list[i],
			       is_new ? "is now known" : "was known",
			       rudp_fingerprint_full(key, full));
	}
	if (fd >= 0)
		close(fd);
	if (fd < 0 || rc < 0)
		warnx("%s: %s", path, strerror(-(fd < 0 ? fd : rc)));
	return fd >= 0 && rc == 0;
}

bool rudp_enroll_host(const struct rudp_identity_files *files, const char *host,
		      const struct rudp_enroll_ports *ports, const uint8_t key[RUDP_IDENTITY_BYTES])
{
	const char *path = rudp_identity_find(files, RUDP_FILE_KNOWN_HOSTS);
	static struct names names;
	struct rudp_known_hosts hosts = {.count = 0};
	char text[RUDP_KEY_TEXT_SIZE];
	bool ok;

	if (access(path, F_OK) == 0 && !rudp_known_hosts_load(&hosts, path, text)) {
		warnx("%s", text);
		return false;
	}
	ok = collect_names(&names, host, ports) && write_names(&hosts, path, &names, key);
	rudp_known_hosts_fini(&hosts);
	return ok;
}
