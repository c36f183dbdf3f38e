/* SPDX-License-Identifier: MIT */
#include "policies.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

char policy_error[RUDP_POLICY_TEXT_SIZE];

struct rudp_policy *policy_make(const char *environment, const char *file)
{
	struct rudp_policy *policy = rudp_policy_new();

	cr_assert(ne(ptr, policy, NULL));
	cr_assert(rudp_policy_parse(policy, true, environment, strlen(environment), "RUDP_POLICY",
				    policy_error),
		  "%s", policy_error);
	cr_assert(rudp_policy_parse(policy, false, file, strlen(file), "f", policy_error), "%s",
		  policy_error);
	return policy;
}

struct rudp_decision policy_ask(const struct rudp_policy *policy, enum rudp_direction direction,
				const char *address, const char *program, const char *executable)
{
	struct rudp_addr addr;
	struct rudp_policy_question question = {.direction = direction,
						.addr = &addr,
						.program = program,
						.executable = executable};

	cr_assert(zero(int, rudp_addr_parse(&addr, address)), "%s", address);
	return rudp_policy_decide(policy, &question);
}

void policy_expect_faults(const struct wrong_policy *wrong, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct rudp_policy *policy = policy_make("", "listen use tcp; set udp-port 9");
		bool taken = rudp_policy_parse(policy, false, wrong[i].text, strlen(wrong[i].text),
					       "p", policy_error);

		cr_expect(not(taken), "%s", wrong[i].text);
		cr_expect(eq(str, policy_error, (char *)wrong[i].error), "%s", wrong[i].text);
		/* Nothing of the wrong text is in force: the old rules and settings still are. */
		cr_expect(eq(u32, policy_ask(policy, LISTEN, "1.1.1.1:1", NULL, NULL).line, 1));
		cr_expect(eq(u16, policy->in_effect.udp_port, 9));
		cr_expect(eq(i64, policy->in_effect.remember_ns, RUDP_POLICY_REMEMBER_NS));
		rudp_policy_free(policy);
	}
}
