/* SPDX-License-Identifier: MIT */
/* Reads messages from standard input: lines or frames. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/command/command.h"

static bool reserve(char **bytes, size_t *capacity, size_t wanted)
{
	char *grown;

	if (*capacity >= wanted)
		return true;
	grown = realloc(*bytes, wanted);
	if (!grown) {
		warnx("no memory for a message of %zu bytes", wanted);
		return false;
	}
	*bytes = grown;
	*capacity = wanted;
	return true;
}

static long fail_to_read(FILE *in, const char *unless)
{
	if (ferror(in))
		warnx("cannot read standard input: %s", strerror(errno));
	else
		warnx("%s", unless);
	return -2;
}

static long read_frame(FILE *in, char **bytes, size_t *capacity)
{
	static const char cut_off[] = "the input ends in the middle of a frame";
	uint32_t length;
	size_t n = fread(&length, 1, sizeof length, in);

	if (n == 0 && !ferror(in))
		return -1;
	if (n < sizeof length)
		return fail_to_read(in, cut_off);
	length = ntohl(length);
	if (length > COMMAND_MESSAGE_MAX) {
		warnx("a frame has %u bytes, more than the %u that a message may have", length,
		      COMMAND_MESSAGE_MAX);
		return -2;
	}
	if (!reserve(bytes, capacity, length ? length : 1))
		return -2;
	if (fread(*bytes, 1, length, in) < length)
		return fail_to_read(in, cut_off);
	return (long)length;
}

/* Reads at most as many bytes as a message may have, even if the line is longer. */
static long read_line(FILE *in, char **bytes, size_t *capacity)
{
	size_t length = 0;
	int byte;

	while ((byte = getc_unlocked(in)) != EOF && byte != '\n') {
		if (length == COMMAND_MESSAGE_MAX) {
			warnx("a line is longer than %u bytes, the limit for a message",
			      COMMAND_MESSAGE_MAX);
			return -2;
		}
		if (length == *capacity && !reserve(bytes, capacity, 2 * length + 256))
			return -2;
		(*bytes)[length++] = (char)byte;
	}
	if (ferror(in))
		return fail_to_read(in, "");
	return byte == EOF && length == 0 ? -1 : (long)length;
}

long command_read_message(const struct command_options *options, FILE *in, char **bytes,
			  size_t *capacity)
{
	return options->framed ? read_frame(in, bytes, capacity) : read_line(in, bytes, capacity);
}
