/* SPDX-License-Identifier: MIT */
/* Rules about identities: peers, who may connect, files, first contact. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/config/policy.h"
#include "policies.h"

/* clang-format off */
static const struct wrong_policy identities[] = {
	{"connect use auto peer a.example", "p:1:18: 'peer' goes with 'use rudp' only"},
	{"listen use tcp allow alice", "p:1:16: 'allow' goes with 'use rudp' only"},
	{"any use tcp require identity", "p:1:13: 'require' goes with 'use rudp' only"},
	{"listen use rudp peer a.example", "p:1:17: 'peer' goes with 'connect' only"},
	{"any use rudp peer a.example", "p:1:14: 'peer' goes with 'connect' only"},
	{"connect use rudp allow alice", "p:1:18: 'allow' goes with 'listen' only"},
	{"any use rudp allow alice", "p:1:14: 'allow' goes with 'listen' only"},
	{"connect use rudp peer",
	 "p:1:22: found the end of the statement, expected a host as the "
	 "file of known hosts has it"},
	{"connect use rudp peer a_b!",
	 "p:1:23: 'a_b!' is not a host as the file of known hosts has "
	 "it: a name or an address, and perhaps a port"},
	{"connect use rudp peer a peer b", "p:1:25: 'peer' is repeated"},
	{"listen use rudp allow",
	 "p:1:22: found the end of the statement, expected a name, a group "
	 "such as @admins, or anyone"},
	{"listen use rudp allow alice,,bob",
	 "p:1:29: '' is not a name of authorized keys, and not a "
	 "group such as @admins"},
	{"listen use rudp allow alice,@",
	 "p:1:29: '@' is not a name of authorized keys, and not a "
	 "group such as @admins"},
	{"listen use rudp allow alice,anyone", "p:1:29: 'anyone' does not go with other names"},
	{"listen use rudp allow a allow b", "p:1:25: 'allow' is repeated"},
	{"any use rudp require", "p:1:21: found the end of the statement, expected identity"},
	{"any use rudp require key", "p:1:22: found 'key', expected identity"},
	{"any use rudp require identity require identity", "p:1:31: 'require' is repeated"},
	{"set identity", "p:1:13: found the end of the statement, expected the path of a file"},
	{"set identity id", "p:1:14: 'id' is not a whole path (/...) and does not begin with ~/"},
	{"set known-hosts /a\nset known-hosts /b",
	 "p:2:5: 'known-hosts' is set a second time (first in line 1)"},
	{"set removed-peers drop", "p:1:19: 'drop' is not keep or reset"},
	{"set first-contact asks", "p:1:19: 'asks' is not off, take, ask or refuse"},
};
/* clang-format on */

Test(policy_identities, a_wrong_condition_or_file_is_reported_with_its_position)
{
	policy_expect_faults(identities, sizeof identities / sizeof identities[0]);
}

Test(policy_identities, rules_say_who_the_peer_is)
{
	struct rudp_policy *policy = policy_make(
		"connect port 1 use rudp peer a.example:1 require identity early",
		"listen port 2 use rudp require identity allow alice,@ops\nlisten port 3 use rudp "
		"allow anyone");
	struct rudp_decision decision = policy_ask(policy, CONNECT, "10.0.0.1:1", NULL, NULL);

	cr_assert(eq(str, (char *)decision.who, (char *)"a.example:1"));
	cr_assert(decision.requires_identity && decision.early);
	decision = policy_ask(policy, LISTEN, "10.0.0.1:2", NULL, NULL);
	cr_assert(eq(str, (char *)decision.who, (char *)"alice,@ops"));
	cr_assert(decision.requires_identity && !decision.early);
	decision = policy_ask(policy, LISTEN, "10.0.0.1:3", NULL, NULL);
	cr_assert(eq(str, (char *)decision.who, (char *)RUDP_POLICY_ANYONE));
	cr_assert(not(decision.requires_identity));
	decision = policy_ask(policy, LISTEN, "10.0.0.1:4", NULL, NULL);
	cr_assert(eq(ptr, (void *)decision.who, NULL));
	rudp_policy_free(policy);
}

Test(policy_identities, files_of_identities_and_first_contact_are_set)
{
	struct rudp_policy *policy = policy_make("set identity /a/id",
						 "set identity /b/id; set known-hosts ~/known; set "
						 "first-contact refuse");

	cr_assert(eq(str, (char *)rudp_policy_identity_path(policy, RUDP_FILE_IDENTITY),
		     (char *)"/a/id"));
	cr_assert(eq(str, (char *)rudp_policy_identity_path(policy, RUDP_FILE_KNOWN_HOSTS),
		     (char *)"~/known"));
	cr_assert(eq(ptr, (void *)rudp_policy_identity_path(policy, RUDP_FILE_AUTHORIZED_KEYS),
		     NULL));
	cr_assert(rudp_policy_settings(policy)->has_first_contact);
	cr_assert(eq(int, rudp_policy_settings(policy)->first_contact, RUDP_CONTACT_REFUSE));
	rudp_policy_free(policy);
	policy = policy_make("", "");
	cr_assert(not(rudp_policy_settings(policy)->has_first_contact));
	rudp_policy_free(policy);
}

Test(policy_identities, connections_of_removed_peers_are_kept_unless_a_setting_says_reset)
{
	struct rudp_policy *policy = policy_make("", "");

	cr_assert(eq(int, rudp_policy_settings(policy)->removed_peers, RUDP_REMOVED_KEEP));
	rudp_policy_free(policy);
	policy = policy_make("", "set removed-peers reset");
	cr_assert(eq(int, rudp_policy_settings(policy)->removed_peers, RUDP_REMOVED_RESET));
	rudp_policy_free(policy);
	policy = policy_make("set removed-peers keep", "set removed-peers reset");
	cr_assert(eq(int, rudp_policy_settings(policy)->removed_peers, RUDP_REMOVED_KEEP));
	rudp_policy_free(policy);
}
