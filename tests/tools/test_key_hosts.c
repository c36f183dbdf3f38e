/* SPDX-License-Identifier: MIT */
/* rudp key new, show, hosts, forget, check, enroll. Without a network: ssh is a script of the
 * test. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"

/* Keys of 32 equal bytes: 1, 2. */
#define ONE "rudp-x25519 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define TWO "rudp-x25519 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define DAY_NONE "[expires=2020-01-01] "

static char output[OUTPUT_BYTES_MAX];

static void init(void)
{
	files_init();
	setenv("XDG_CONFIG_HOME", files_path("config"), 1);
	setenv("HOME", files_path("home"), 1);
	unsetenv("RUDP_IDENTITY");
	unsetenv("RUDP_KNOWN_HOSTS");
	unsetenv("RUDP_AUTHORIZED_KEYS");
	cr_assert(zero(int, files_run("mkdir -p $FILES/config/rudp $FILES/home", output)));
}

TestSuite(key_hosts, .init = init, .fini = files_fini);

static void expect(const char *command, int code, const char *part)
{
	cr_assert(eq(int, files_run(command, output), code), "%s: %s", command, output);
	cr_assert(ne(ptr, strstr(output, part), NULL), "%s: %s", command, output);
}

Test(key_hosts, a_new_identity_is_private_and_has_its_public_key_beside_it)
{
	struct stat st;

	expect("rmdir $FILES/config/rudp; umask 0; $RUDP key new 2>&1", 0,
	       "/config/rudp/id: a new");
	cr_assert(zero(int, stat(files_path("config/rudp/id"), &st)));
	cr_assert(eq(int, (int)(st.st_mode & 07777), 0600));
	cr_assert(zero(int, stat(files_path("config/rudp"), &st)));
	cr_assert(eq(int, (int)(st.st_mode & 0077), 0));
	expect("$RUDP key show | sed 1d >$FILES/a; $RUDP key show $FILES/config/rudp/id.pub | sed "
	       "1d "
	       ">$FILES/b; cmp $FILES/a $FILES/b && wc -l <$FILES/a",
	       0, "3");
	expect("$RUDP key show | head -1 | cmp - $FILES/config/rudp/id.pub && echo same", 0,
	       "same");
	expect("$RUDP key check 2>&1", 0, "/id: identity SHA256:");
}

Test(key_hosts, an_existing_identity_stays_as_it_is)
{
	expect("$RUDP key new $FILES/id >/dev/null; cp $FILES/id $FILES/old; $RUDP key new "
	       "$FILES/id "
	       "2>&1",
	       1, "already exists and was not changed");
	expect("cmp $FILES/id $FILES/old && echo same", 0, "same");
	expect("rm $FILES/id; $RUDP key new $FILES/id 2>&1", 1, "id.pub: already exists");
	expect("test -e $FILES/id || echo none", 0, "none");
	expect("$RUDP key new $FILES/none/id 2>&1", 1, "No such file");
	expect("$RUDP key new $FILES/none/id 2>&1", 1,
	       "/none/id: No such file or directory; mkdir -p ");
}

Test(key_hosts, revoking_an_identity_is_explained)
{
	expect("$RUDP key revoke SHA256:GdO3KLjS037D49RUcciEjo1vCNR5blzJHtKSiHWYs1U 2>&1", 1,
	       "put @revoked in front of its line in authorized_keys");
	expect("$RUDP key new >/dev/null; $RUDP key revoke $FILES/config/rudp/id.pub 2>&1", 1,
	       "put @revoked in front of its line in authorized_keys");
}

Test(key_hosts, without_an_identity_there_is_advice)
{
	expect("$RUDP key show 2>&1", 1, "'rudp key new' makes an identity");
	expect("$RUDP key enroll host 2>&1", 1, "make an identity with 'rudp key new'");
}

Test(key_hosts, check_names_each_fault_with_its_place)
{
	files_text("config/rudp/known_hosts", "10.0.0.1 " ONE "\n", 0600);
	files_text("config/rudp/authorized_keys",
		   ONE " alice\n" DAY_NONE TWO " bob\n@revoked " TWO "\n", 0600);
	expect("$RUDP key check 2>&1", 0, "known hosts: 1, revoked keys: 0");
	expect("$RUDP key check 2>&1", 0, "authorized keys: 2, revoked keys: 1, expired lines: 1");
	files_text("config/rudp/known_hosts", "10.0.0.1 " ONE "\n10.0.0 " ONE "\n", 0600);
	files_text("config/rudp/authorized_keys", "[for=all] " ONE " alice\n", 0600);
	expect("$RUDP key check 2>&1", 1,
	       "/known_hosts:2:1: this is not a valid address; expected");
	expect("$RUDP key check 2>&1", 1, "/authorized_keys:1:2: unknown option; expected listen=");
	expect("RUDP_KNOWN_HOSTS=/nowhere $RUDP key check 2>&1", 1, "/nowhere: does not exist");
	expect("RUDP_IDENTITY=/nowhere $RUDP key check 2>&1", 1,
	       "RUDP_IDENTITY: /nowhere: there is no such file");
}

Test(key_hosts, check_finds_a_public_key_of_another_identity)
{
	expect("$RUDP key new >/dev/null && $RUDP key new $FILES/x >/dev/null && cp $FILES/x.pub "
	       "$FILES/config/rudp/id.pub && $RUDP key check 2>&1",
	       1, "is not the public key of");
}

Test(key_hosts, hosts_are_listed_and_revoked_ones_marked)
{
	expect("$RUDP key hosts", 0, "FINGERPRINT");
	files_text("config/rudp/known_hosts",
		   "10.0.0.1:22,server " ONE "\n[::1]:80 " TWO "\n@revoked " TWO "\n", 0600);
	expect("$RUDP key hosts | tr -s ' '", 0, "10.0.0.1:22 known SHA256:");
	expect("$RUDP key hosts | tr -s ' '", 0, "[::1]:80 revoked SHA256:");
	expect("$RUDP key hosts --json | python3 -c 'import json, sys\n"
	       "print(sorted((h[\"host\"], h[\"state\"], h[\"line\"]) for h in "
	       "json.load(sys.stdin)[\"hosts\"]))'",
	       0,
	       "[('*', 'revoked', 3), ('10.0.0.1:22', 'known', 1), ('[::1]:80', 'revoked', 2), "
	       "('server', 'known', 1)]");
}

Test(key_hosts, forgetting_a_host_leaves_the_rest_of_the_file)
{
	files_text("config/rudp/known_hosts",
		   "# ours\n10.0.0.1,10.0.0.2:22,10.0.0.3 " ONE " all\n10.0.0.2 " TWO "\n"
		   "@revoked 10.0.0.2 " TWO "\n10.0.0.4 " ONE,
		   0640);
	expect("$RUDP key forget 10.0.0.2 2>&1", 0, "entries removed for 10.0.0.2: 2");
	expect("cat $FILES/config/rudp/known_hosts", 0,
	       "# ours\n10.0.0.1,10.0.0.3 " ONE " all\n@revoked 10.0.0.2 " TWO "\n10.0.0.4 " ONE);
	expect("stat -c %a $FILES/config/rudp/known_hosts", 0, "640");
	expect("$RUDP key forget 10.0.0.1:22 2>&1", 1, "there is no entry for 10.0.0.1:22");
	expect("$RUDP key forget '-x y' 2>&1", 2, "");
	expect("$RUDP key forget 'x y' 2>&1", 2, "is neither a name nor an address");
	expect("ls $FILES/config/rudp | wc -l", 0, "1");
}

Test(key_hosts, actions_with_wrong_words_are_refused)
{
	expect("$RUDP key 2>&1", 2, "expected list, list --json, revoke");
	expect("$RUDP key forget 2>&1", 2, "expected list");
	expect("$RUDP key show --json 2>&1", 2, "expected list");
	expect("$RUDP key newer 2>&1", 2, "expected list");
	expect("$RUDP key hosts 10.0.0.1 2>&1", 2, "expected list");
}

/*
 * ssh that runs its command here, in another home, and with $FILES/system in place of /etc/rudp;
 * its arguments are in $FILES/arguments. The user there is not root unless $FILES/root exists.
 */
static void make_ssh(void)
{
	files_text("ssh",
		   "#!/bin/sh\n"
		   "printf '%s|' \"$@\" >>$FILES/arguments\n"
		   "if [ \"$1\" = -G ]; then echo hostname $(cat $FILES/address); exit 0; fi\n"
		   "[ ! -e $FILES/fails ] || exit 255\n"
		   "shift 3\n"
		   "sed \"s,/etc/rudp,$FILES/system,\" | env HOME=$FILES/there XDG_CONFIG_HOME= "
		   "PATH=$FILES/there/bin:/usr/bin:/bin sh -c \"$*\"\n",
		   0755);
	expect("mkdir -p $FILES/there/bin && ln -s $RUDP $FILES/there/bin/rudp && $RUDP key new", 0,
	       "");
	files_text("there/bin/id",
		   "#!/bin/sh\nif [ -e $FILES/root ]; then echo 0; else echo 1; fi\n", 0755);
	files_text("address", "192.0.2.1\n", 0600);
	setenv("ENROLL", "PATH=$FILES:$PATH $RUDP key enroll", 1);
}

static void make_host_key(void)
{
	expect("mkdir $FILES/system && $RUDP key new $FILES/system/id", 0, "");
}

/* The keys of the known hosts, and of a file; the second command prints how often it is known. */
#define KNOWN "$FILES/config/rudp/known_hosts"
#define COUNT_OF(file) "cut -d' ' -f1,2 " file " | grep -cFf - " KNOWN

Test(key_hosts, enrolling_exchanges_the_keys_once)
{
	make_ssh();
	make_host_key();
	expect("eval \"$ENROLL me@there\" 2>&1", 0,
	       "me@there: the key of this host is now authorized");
	expect("cat $FILES/there/.config/rudp/authorized_keys", 0, "rudp-x25519 ");
	expect("stat -c %a $FILES/there/.config/rudp/authorized_keys", 0, "600");
	expect(COUNT_OF("$FILES/system/id.pub"), 0, "1");
	expect("cut -d' ' -f1 " KNOWN, 0, "192.0.2.1\n");
	expect("eval \"$ENROLL me@there\" 2>&1", 0,
	       "me@there: the key of this host was authorized");
	expect("wc -l <$FILES/there/.config/rudp/authorized_keys", 0, "1");
	expect("wc -l <" KNOWN, 0, "1");
	expect("cat $FILES/arguments", 0, "-T|--|me@there|exec sh|-G|--|me@there|");
	expect("$RUDP key check 2>&1", 0, "known hosts: 1");
	expect("XDG_CONFIG_HOME=$FILES/there/.config $RUDP key check 2>&1", 0,
	       "authorized keys: 1");
	expect("test -e $FILES/there/.config/rudp/id || echo none", 0, "none");
}

/* The pipes to ssh then get the lowest numbers. */
Test(key_hosts, enrolling_works_without_standard_input)
{
	make_ssh();
	make_host_key();
	expect("eval \"$ENROLL me@there\" 2>&1 <&-", 0,
	       "me@there: the key of this host is now authorized");
}

Test(key_hosts, enrolling_ports_fetches_the_key_of_the_account)
{
	make_ssh();
	make_host_key();
	expect("eval \"$ENROLL there\" 2>&1", 0, "192.0.2.1 is now known");
	expect("eval \"$ENROLL --port 8080 -p 9000 me@there\" 2>&1", 0,
	       "192.0.2.1:9000 is now known");
	expect(COUNT_OF("$FILES/there/.config/rudp/id.pub"), 0, "2");
	expect("cut -d' ' -f1 " KNOWN, 0, "192.0.2.1\n192.0.2.1:8080\n192.0.2.1:9000\n");
	expect("eval \"$ENROLL --port 8080 there\" 2>&1", 0, "192.0.2.1:8080 was known");
	expect("eval \"$ENROLL there\" 2>&1", 0, "starts itself have another key, SHA256:");
	expect("wc -l <" KNOWN, 0, "3");
	files_text("address", "2001:db8::1\n", 0600);
	expect("eval \"$ENROLL --port 8080 there\" 2>&1", 0, "[2001:db8::1]:8080 is now known");
	for (const char *const *port = (const char *const[]){"0", "65536", "-1", "x", "", NULL};
	     *port; port++) {
		setenv("PORT", *port, 1);
		expect("eval \"$ENROLL --port='$PORT' there\" 2>&1", 2, "is not a port");
	}
	expect("$RUDP key hosts --port 80 2>&1", 2, "expected list");
}

Test(key_hosts, enrolling_a_host_without_a_key_tells_how_to_make_one)
{
	make_ssh();
	expect("eval \"$ENROLL there\" 2>&1", 1,
	       "root makes one there with 'rudp key new /etc/rudp/id'");
	expect("test -e " KNOWN " || echo none", 0, "none");
	files_text("root", "", 0600);
	expect("eval \"$ENROLL there\" 2>&1", 0, "192.0.2.1 is now known");
	expect("stat -c %a $FILES/system $FILES/system/id | tr '\n' ' '", 0, "755 600 ");
	expect(COUNT_OF("$FILES/system/id.pub"), 0, "1");
	expect("eval \"$ENROLL -p 80 there\" 2>&1", 0, "192.0.2.1:80 was known");
	expect("test -e $FILES/there/.config/rudp/id || echo none", 0, "none");
}

Test(key_hosts, enrolling_with_root_authorizes_for_services_too)
{
	make_ssh();
	make_host_key();
	files_text("root", "", 0600);
	files_text("system/authorized_keys", ONE " other\n", 0600);
	expect("eval \"$ENROLL there\" 2>&1", 0, "is now authorized there");
	expect("wc -l <$FILES/system/authorized_keys", 0, "2");
	expect("test -e $FILES/there/.config/rudp/authorized_keys || echo none", 0, "none");
	expect("cd $FILES/there && mkdir -p .config/rudp && : >.config/rudp/authorized_keys", 0,
	       "");
	expect("eval \"$ENROLL there\" 2>&1", 0, "is now authorized there");
	expect("grep -c . $FILES/there/.config/rudp/authorized_keys", 0, "1");
	expect("wc -l <$FILES/system/authorized_keys", 0, "2");
}

Test(key_hosts, enrolling_a_loopback_address_needs_ports)
{
	make_ssh();
	make_host_key();
	files_text("address", "127.0.0.1\n", 0600);
	expect("eval \"$ENROLL there\" 2>&1", 1, "is a loopback address");
	expect("test -e " KNOWN " || echo none", 0, "none");
	expect("eval \"$ENROLL -p 8080 there\" 2>&1", 0, "127.0.0.1:8080 is now known");
}

Test(key_hosts, enrolling_ends_the_last_line_of_the_file_there)
{
	make_ssh();
	expect("mkdir -p $FILES/there/.config/rudp", 0, "");
	files_text("there/.config/rudp/authorized_keys", ONE " other", 0600);
	files_run("eval \"$ENROLL there\"", output);
	expect("XDG_CONFIG_HOME=$FILES/there/.config $RUDP key check 2>&1", 0,
	       "authorized keys: 2");
}

Test(key_hosts, enrolling_where_rudp_is_missing_says_what_to_install)
{
	make_ssh();
	expect("rm $FILES/there/bin/rudp; eval \"$ENROLL there\" 2>&1", 1,
	       "has no rudp; install it there");
	expect("grep -c rudp-x25519 $FILES/there/.config/rudp/authorized_keys", 0, "1");
	expect("test -e " KNOWN " || echo none", 0, "none");
}

Test(key_hosts, enrolling_refuses_a_changed_key)
{
	make_ssh();
	make_host_key();
	files_text("config/rudp/known_hosts", "192.0.2.1 " ONE "\n", 0600);
	expect("eval \"$ENROLL there\" 2>&1", 1, "192.0.2.1: is known with the key SHA256:");
	expect("cat " KNOWN, 0, "192.0.2.1 " ONE "\n");
	expect("$RUDP key forget 192.0.2.1 && eval \"$ENROLL there\" 2>&1", 0, "is now known");
	files_text("config/rudp/known_hosts", "192.0.2.1:80 " ONE "\n", 0600);
	expect("eval \"$ENROLL -p 8080 -p 80 there\" 2>&1", 1,
	       "192.0.2.1:80: is known with the key");
	expect("cat " KNOWN, 0, "192.0.2.1:80 " ONE "\n");
}

Test(key_hosts, enrolling_a_revoked_key_fails)
{
	make_ssh();
	expect("mkdir -p $FILES/there/.config/rudp; echo \"@revoked $(cat "
	       "$FILES/config/rudp/id.pub)\" "
	       ">$FILES/there/.config/rudp/authorized_keys; eval \"$ENROLL there\" 2>&1",
	       1, "is revoked in authorized_keys there");
}

Test(key_hosts, enrolling_reports_a_failure_of_ssh)
{
	make_ssh();
	expect("touch $FILES/fails; eval \"$ENROLL there\" 2>&1", 1, "ssh could not log in");
	expect("PATH=$FILES/nowhere $RUDP key enroll there 2>&1", 1, "ssh is not installed here");
}

Test(key_hosts, a_host_name_is_no_option_and_no_command)
{
	make_ssh();
	expect("eval \"$ENROLL -- -oProxyCommand=x\" 2>&1", 2, "is not [USER@]HOST");
	expect("eval \"$ENROLL me@-x\" 2>&1", 2, "is not [USER@]HOST");
	expect("eval \"$ENROLL @there\" 2>&1", 2, "'@there' is not [USER@]HOST, the host");
	expect("eval \"$ENROLL me@\" 2>&1", 2, "is not [USER@]HOST");
	expect("PATH=$FILES:$PATH $RUDP key enroll 'a;b' 2>&1", 2, "is not [USER@]HOST");
	expect("PATH=$FILES:$PATH $RUDP key enroll 'a b' 2>&1", 2, "is not [USER@]HOST");
	expect("PATH=$FILES:$PATH $RUDP key enroll '$(b)' 2>&1", 2, "is not [USER@]HOST");
	expect("test -e $FILES/arguments || echo none", 0, "none");
}
