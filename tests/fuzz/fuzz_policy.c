/* SPDX-License-Identifier: MIT */
/*
 * Policies: a text is taken or refused with its place, and what is taken answers every question
 * with one of its own rules. The first 20 bytes ask, the rest is the policy.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/config/policy.h"

#define QUESTION_BYTES 20
#define NAME_BYTES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_addr(struct rudp_addr *addr, const uint8_t *data)
{
	memset(addr, 0, sizeof *addr);
	addr->family = data[0] & 1 ? AF_INET6 : AF_INET;
	if (addr->family == AF_INET)
		memcpy(&addr->in4.sin_addr, data + 4, 4);
	else
		memcpy(&addr->in6.sin6_addr, data + 4, 16);
	rudp_addr_set_port(addr, (uint16_t)(data[1] << 8 | data[2]));
}

/* Names out of the policy itself: chance hardly finds one that a pattern there fits. */
static void copy_name(char name[NAME_BYTES], const char *text, size_t len, size_t from)
{
	size_t n = 0;

	while (from < len && n < NAME_BYTES - 1 && text[from] > ' ')
		name[n++] = text[from++];
	name[n] = 0;
}

static unsigned count_lines(const char *text, size_t len)
{
	unsigned lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

static void ask(const struct rudp_policy *policy, const uint8_t *data, const char *text, size_t len)
{
	struct rudp_addr addr;
	char program[NAME_BYTES], executable[NAME_BYTES];
	struct rudp_policy_question question = {
		.addr = &addr, .program = program, .executable = executable};
	struct rudp_decision decision;

	make_addr(&addr, data);
	copy_name(program, text, len, data[3]);
	copy_name(executable, text, len, data[3] + 10u);
	question.direction = data[0] & 2 ? RUDP_DIRECTION_LISTEN : RUDP_DIRECTION_CONNECT;
	question.has_key = data[0] & 4;
	decision = rudp_policy_decide(policy, &question);
	assert(decision.line <= count_lines(text, len));
	assert((decision.line == 0) == (decision.source == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[RUDP_POLICY_TEXT_SIZE] = "", line[RUDP_POLICY_TEXT_SIZE];
	struct rudp_policy *policy = rudp_policy_new();
	size_t len = size > QUESTION_BYTES ? size - QUESTION_BYTES : 0;
	/* Its own memory, so that a byte read beyond it is seen. */
	char *text = malloc(len ? len : 1);

	if (policy && text && len) {
		memcpy(text, data + QUESTION_BYTES, len);
		if (rudp_policy_parse(policy, data[0] & 8, text, len, "p", error)) {
			ask(policy, data, text, len);
			assert(strlen(rudp_policy_describe(policy, line, sizeof line)) > 0);
			assert(rudp_policy_settings(policy)->head_start_ns >= 0);
			assert(rudp_policy_settings(policy)->remember_ns >= 0);
		} else {
			assert(strncmp(error, "p:", 2) == 0 && strlen(error) < sizeof error);
			assert(strtoul(error + 2, NULL, 10) <= count_lines(text, len));
		}
	}
	free(text);
	rudp_policy_free(policy);
	return 0;
}
