/* SPDX-License-Identifier: MIT */
/* Lines of the log about logins. */

#include "conversation/model_fixture.h"

#define DAN "AGRhbgBwdw==" /* dan, pw */

static struct fixture w;
static const struct apo_operator operators[] = {{"root", "#hash", NULL}, {"far", "#hash", "*@far"}};

static void begin(void)
{
	fixture_init(&w);
	w.config.operators = operators;
	w.config.operator_count = 2;
	fixture_start(&w);
}

TestSuite(events, .init = begin, .fini = fixture_fini);

#define LOGGED(line) cr_assert(eq(str, w.logged, (char *)(line)))
#define DETAIL(line) cr_assert(eq(str, w.logged_detail, (char *)(line)))

static void sasl(unsigned i, const char *base64, enum apo_checked result, const char *account)
{
	fixture_say(&w, i, "AUTHENTICATE PLAIN");
	fixture_say(&w, i, "AUTHENTICATE %s", base64);
	fixture_answer(&w, result, account);
}

Test(events, wrong_passwords_are_logged_with_the_address)
{
	fixture_join(&w, 1, "eve", "sasl");
	sasl(1, DAN, APO_CHECKED_WRONG, NULL);
	LOGGED("login-failed: address=192.0.2.1 by=SASL name=dan nick=eve reason=password");
	fixture_say(&w, 1, "OPER root x");
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	LOGGED("login-failed: address=192.0.2.1 by=OPER name=root nick=eve reason=password");
	fixture_say(&w, 1, "OPER far x");
	LOGGED("login-failed: address=192.0.2.1 by=OPER name=far nick=eve reason=host");
	fixture_say(&w, 1, "OPER nobody x");
	LOGGED("login-failed: address=192.0.2.1 by=OPER name=nobody nick=eve reason=unknown");
}

Test(events, a_wrong_server_password_is_logged)
{
	w.config.password_hash = "#hash";
	fixture_connect(&w, 2);
	fixture_say(&w, 2, "PASS x");
	fixture_say(&w, 2, "NICK eve");
	fixture_say(&w, 2, "USER eve 0 * :Eve");
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	LOGGED("login-failed: address=192.0.2.2 by=PASS name=* nick=eve reason=password");
}

/* The store's failure is not the client's fault. */
Test(events, what_could_not_be_checked_is_no_failed_login)
{
	fixture_join(&w, 1, "eve", "sasl");
	sasl(1, DAN, APO_CHECKED_FAILED, NULL);
	fixture_say(&w, 1, "OPER root x");
	fixture_answer(&w, APO_CHECKED_FAILED, NULL);
	LOGGED("");
}

/* "a b", "a=b", two lines: none of them may look like other fields. */
Test(events, names_that_clients_choose_cannot_forge_a_line)
{
	static const char *const forged[] = {
		"AGEgYgBwdw==",         /* NUL a b NUL pw */
		"AGE9YgBwdw==",         /* NUL a=b NUL pw */
		"AGEKYiBjPTEuMi4AcHc=", /* NUL a LF b c=1.2. NUL pw */
	};
	size_t i;

	for (i = 0; i < sizeof forged / sizeof *forged; i++) {
		fixture_connect(&w, 1);
		fixture_say(&w, 1, "CAP REQ :sasl");
		sasl(1, forged[i], APO_CHECKED_WRONG, NULL);
		LOGGED("login-failed: address=192.0.2.1 by=SASL name=* nick=* reason=password");
		fixture_close(&w, 1, "gone");
		fixture_wait(&w, 61 * RUDP_NS_PER_S);
	}
	fixture_join(&w, 1, "eve", NULL);
	fixture_say(&w, 1, "OPER address=1.2.3.4 x");
	LOGGED("login-failed: address=192.0.2.1 by=OPER name=* nick=eve reason=unknown");
}

Test(events, registrations_and_logins_are_details)
{
	fixture_join(&w, 1, "eve", "sasl draft/account-registration");
	DETAIL("registered: address=192.0.2.1 nick=eve user=~eve account=*");
	sasl(1, DAN, APO_CHECKED_RIGHT, "dan");
	DETAIL("logged-in: address=192.0.2.1 account=dan nick=eve");
	fixture_join(&w, 3, "fay", "draft/account-registration");
	fixture_say(&w, 3, "REGISTER * * password");
	fixture_answer(&w, APO_CHECKED_RIGHT, "fay");
	DETAIL("account-registered: address=192.0.2.3 account=fay nick=fay");
	LOGGED("");
}

Test(events, refused_tries_are_details)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		fixture_join(&w, 1, "eve", "sasl");
		sasl(1, DAN, APO_CHECKED_WRONG, NULL);
		fixture_close(&w, 1, "gone");
	}
	w.logged[0] = '\0';
	fixture_join(&w, 1, "eve", "sasl");
	fixture_say(&w, 1, "AUTHENTICATE PLAIN");
	fixture_say(&w, 1, "AUTHENTICATE " DAN);
	DETAIL("login-refused: address=192.0.2.1 by=SASL name=dan nick=eve reason=too-many-tries");
	LOGGED("");
}
