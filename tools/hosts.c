/* SPDX-License-Identifier: MIT */
/* rudp key hosts, forget: the known hosts. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "identity.h"
#include "ss.h"
#include "tool.h"

const char *rudp_resolve(struct rudp_resolved *resolved, const char *host)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	int rc = getaddrinfo(host, NULL, &hints, &found);

	resolved->count = 0;
	if (rc != 0)
		return rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc);
	for (const struct addrinfo *at = found; at; at = at->ai_next) {
		if (resolved->count == RUDP_RESOLVED_MAX) {
			warnx("%s has more than %d addresses: only the first are used", host,
			      RUDP_RESOLVED_MAX);
			break;
		}
		if (rudp_addr_from_sockaddr(&resolved->addrs[resolved->count], at->ai_addr,
					    at->ai_addrlen) == 0)
			resolved->count++;
	}
	freeaddrinfo(found);
	return NULL;
}

/* The path of the known hosts. NULL: an error was printed. */
static const char *path_of_hosts(struct rudp_identity_files *files)
{
	const char *path;

	if (!rudp_identity_places(files))
		return NULL;
	path = rudp_identity_find(files, RUDP_FILE_KNOWN_HOSTS);
	if (!path)
		warnx("HOME is not set; name the file in RUDP_KNOWN_HOSTS");
	return path;
}

/* "known" or "revoked"; a host whose key is revoked is revoked, too. */
static const char *state_of(const struct rudp_known_hosts *hosts,
			    const struct rudp_known_host_entry *entry)
{
	return rudp_known_hosts_is_revoked(hosts, entry->public_key) ? "revoked" : "known";
}

static bool print_json(const struct rudp_known_hosts *hosts)
{
	json_t *list = json_array(), *o = json_pack("{s:o}", "hosts", list);
	char full[RUDP_FINGERPRINT_FULL_SIZE];
	bool ok = o;

	for (unsigned i = 0; ok && i < hosts->count; i++) {
		const struct rudp_known_host_entry *entry = &hosts->entries[i];

		ok = json_array_append_new(list,
					   json_pack("{s:s, s:s, s:s, s:i}", "host", entry->host,
						     "state", state_of(hosts, entry), "fingerprint",
						     rudp_fingerprint_full(entry->public_key, full),
						     "line", (int)entry->line)) == 0;
	}
	ok = ok && rudp_json_print(o);
	json_decref(o);
	return ok;
}

static void print_text(const struct rudp_known_hosts *hosts)
{
	char full[RUDP_FINGERPRINT_FULL_SIZE];

	printf("%-30s %-8s %-50s %s\n", "HOST", "STATE", "FINGERPRINT", "LINE");
	for (unsigned i = 0; i < hosts->count; i++) {
		const struct rudp_known_host_entry *entry = &hosts->entries[i];

		printf("%-30s %-8s %-50s %u\n", entry->host, state_of(hosts, entry),
		       rudp_fingerprint_full(entry->public_key, full), entry->line);
	}
}

int rudp_key_hosts(const struct rudp_key_arguments *arguments)
{
	struct rudp_identity_files files;
	struct rudp_known_hosts hosts = {.count = 0};
	const char *path = path_of_hosts(&files);
	char text[RUDP_KEY_TEXT_SIZE];
	bool ok = true;

	if (!path)
		return 1;
	if (access(path, F_OK) == 0 && !rudp_known_hosts_load(&hosts, path, text)) {
		warnx("%s", text);
		return 1;
	}
	if (arguments->json)
		ok = print_json(&hosts);
	else
		print_text(&hosts);
	rudp_known_hosts_fini(&hosts);
	return ok && fflush(stdout) != EOF ? 0 : 1;
}

/* The host to forget, and its addresses. */
struct forget {
	const char *host;
	char addresses[RUDP_RESOLVED_MAX][RUDP_HOST_TEXT_SIZE];
	unsigned address_count;
	unsigned removed;
};

static bool is_meant(const struct forget *forget, const char *host, size_t len)
{
	if (rudp_known_hosts_is_meant(host, len, forget->host))
		return true;
	for (unsigned i = 0; i < forget->address_count; i++)
		if (rudp_known_hosts_is_meant(host, len, forget->addresses[i]))
			return true;
	return false;
}

static unsigned count_meant(const struct forget *forget, const struct rudp_key_word *list,
			    unsigned *all)
{
	unsigned meant = 0;

	*all = 0;
	for (size_t at = 0; at <= list->len;) {
		size_t len = rudp_key_until(list->start + at, list->len - at, ',');

		meant += is_meant(forget, list->start + at, len);
		++*all;
		at += len + 1;
	}
	return meant;
}

static void write_others(const struct forget *forget, const struct rudp_key_word *list, FILE *out)
{
	const char *comma = "";

	for (size_t at = 0; at <= list->len;) {
		size_t len = rudp_key_until(list->start + at, list->len - at, ',');

		if (!is_meant(forget, list->start + at, len)) {
			fprintf(out, "%s%.*s", comma, (int)len, list->start + at);
			comma = ",";
		}
		at += len + 1;
	}
}

/*
 * Writes a line, which ends with its newline, without the hosts that are meant. Nothing if no host
 * is left.
 */
static void copy_line(struct forget *forget, const char *start, size_t len, FILE *out)
{
	const char *at = start, *rest;
	struct rudp_key_line line = {.number = 0};
	struct rudp_key_word list = {.len = 0};
	unsigned meant = 0, all = 0;

	if (rudp_key_line_next(&at, start + len, &line) && line.start[0] != '@') {
		list = rudp_key_word_next(&line);
		meant = count_meant(forget, &list, &all);
	}
	forget->removed += meant;
	if (meant == 0) {
		fwrite(start, 1, len, out);
	} else if (meant < all) {
		rest = list.start + list.len;
		write_others(forget, &list, out);
		fwrite(rest, 1, (size_t)(start + len - rest), out);
	}
}

static void copy_lines(struct forget *forget, const char *content, size_t len, FILE *out)
{
	for (size_t at = 0; at < len;) {
		const char *end = memchr(content + at, '\n', len - at);
		size_t line_len = end ? (size_t)(end - content) - at + 1 : len - at;

		copy_line(forget, content + at, line_len, out);
		at += line_len;
	}
}

/* Replaces the file by one without the hosts. Returns 0 or -errno. */
static int replace_file(struct forget *forget, const char *path, const char *content, size_t len)
{
	char temporary[RUDP_KEY_PATH_SIZE + 16];
	struct stat st;
	FILE *out;
	int fd, rc = 0;

	snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		return -errno;
	copy_lines(forget, content, len, out);
	if (forget->removed > 0 &&
	    (fflush(out) == EOF || stat(path, &st) < 0 || fchmod(fd, st.st_mode & 0777) < 0 ||
	     fsync(fd) < 0 || rename(temporary, path) < 0))
		rc = -errno;
	if (rc < 0 || forget->removed == 0)
		unlink(temporary);
	fclose(out);
	return rc;
}

/* The file must be valid: a wrong line could hide the host. */
static int forget_in(struct forget *forget, const char *path)
{
	struct rudp_known_hosts hosts;
	char text[RUDP_KEY_TEXT_SIZE];
	char *content;
	size_t len;
	int rc;

	if (!rudp_known_hosts_load(&hosts, path, text) ||
	    rudp_key_content_read(&content, &len, path, RUDP_KEY_FILE_PUBLIC,
				  RUDP_KNOWN_HOSTS_BYTES_MAX, NULL, text) < 0) {
		warnx("%s", text);
		return 1;
	}
	rudp_known_hosts_fini(&hosts);
	rc = replace_file(forget, path, content, len);
	rudp_key_content_free(content, len);
	if (rc < 0)
		warnx("%s: %s", path, strerror(-rc));
	else if (forget->removed == 0)
		warnx("%s: there is no entry for %s; 'rudp key hosts' lists the hosts", path,
		      forget->host);
	else
		printf("%s: entries removed for %s: %u\n", path, forget->host, forget->removed);
	return rc < 0 || forget->removed == 0 || fflush(stdout) == EOF ? 1 : 0;
}

int rudp_key_forget(const struct rudp_key_arguments *arguments)
{
	const char *host = arguments->what;
	static struct rudp_resolved resolved;
	static struct forget forget;
	struct rudp_identity_files files;
	const char *path = path_of_hosts(&files);

	if (!path)
		return 1;
	if (!rudp_known_hosts_is_host(host)) {
		warnx("'%.100s' is neither a name nor an address, with :PORT or without", host);
		return RUDP_EXIT_USAGE;
	}
	forget.host = host;
	/* A name that does not resolve any more is removed all the same. */
	if (!rudp_resolve(&resolved, host))
		for (unsigned i = 0; i < resolved.count; i++)
			rudp_known_hosts_format(&resolved.addrs[i],
						forget.addresses[forget.address_count++]);
	return forget_in(&forget, path);
}
