/* SPDX-License-Identifier: MIT */
/*
 * What a web listener reads: the head of a request and its answer; frames, decoded at once and byte
 * by byte with the same result; lines that are encoded.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/web/frames.h"
#include "conversation/web/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const char *bytes, size_t len)
{
	static const struct apo_web_rules rules = {.hosts = {"chat.test"},
						   .host_count = 1,
						   .origins = {"https://other.test"},
						   .origin_count = 1,
						   .has_client = true};
	struct apo_http_request request;
	struct apo_web_answer answer;
	enum apo_http_verdict verdict = apo_http_parse(bytes, len, 0, &request);

	if (verdict == APO_HTTP_OK) {
		assert(request.head_len <= len);
		apo_web_answer(&rules, "irc.test", &request, NULL, &answer);
	} else {
		apo_web_answer_error(verdict, &answer);
	}
	assert(answer.head_len <= sizeof answer.head);
}

struct result {
	char *lines;
	size_t len;
	unsigned close_code;
};

/* Decodes in parts of that size. */
static void decode(const char *bytes, size_t len, size_t part, enum apo_web_type type,
		   struct result *result)
{
	struct apo_web_input input = {.type = (uint8_t)type};
	struct apo_web_decoded decoded;
	char *room = malloc(part + APO_WEB_KEPT_BYTES_MAX), *lines;
	size_t at, n, kept;

	*result = (struct result){.lines = malloc(len + APO_WEB_MESSAGE_BYTES_MAX + 1)};
	for (at = 0; at < len && result->close_code == 0; at += n) {
		n = len - at < part ? len - at : part;
		kept = apo_web_input_restore(&input, room);
		assert(kept <= APO_WEB_KEPT_BYTES_MAX);
		memcpy(room + kept, bytes + at, n);
		lines = malloc(kept + n + APO_WEB_MESSAGE_BYTES_MAX + 1);
		apo_web_decode(&input, room, kept + n, lines, &decoded);
		memcpy(result->lines + result->len, lines, decoded.lines_len);
		result->len += decoded.lines_len;
		result->close_code = decoded.close_code;
		free(lines);
	}
	apo_web_input_fini(&input);
	free(room);
}

static void check_frames(const char *bytes, size_t len, enum apo_web_type type)
{
	struct result whole, parts;

	decode(bytes, len, len + 1, type, &whole);
	decode(bytes, len, 1, type, &parts);
	assert(whole.len == parts.len && memcmp(whole.lines, parts.lines, whole.len) == 0);
	assert(whole.close_code == parts.close_code);
	free(whole.lines);
	free(parts.lines);
}

static void check_lines(const char *bytes, size_t len, enum apo_web_type type)
{
	static char frames[2 * APO_WEB_FRAME_BYTES_MAX];
	size_t frames_len, used;

	used = apo_web_encode(type, bytes, len, frames, sizeof frames, &frames_len);
	assert(used <= len && frames_len <= sizeof frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	enum apo_web_type type;

	if (size == 0 || size > 4096)
		return 0;
	type = data[0] % 3;
	check_request(bytes, size);
	check_frames(bytes + 1, size - 1, type);
	check_lines(bytes + 1, size - 1, type);
	return 0;
}
