/* SPDX-License-Identifier: MIT */
/* Files with an identity, public keys as text, and fingerprints. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config/identity.h"
#include "key_files.h"

/* RFC 7748 section 6.1: the keys of Bob. */
#define PRIVATE "XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Os="
#define PUBLIC "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08="
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define LINE "rudp-x25519-private " PRIVATE "\n"

static struct rudp_identity identity;
static char text[RUDP_KEY_TEXT_SIZE];

TestSuite(identity, .init = directory_make, .fini = directory_remove);

static bool parse(const char *content)
{
	return rudp_identity_parse(&identity, content, strlen(content), "id", text);
}

static void expect_fault(const char *content, const char *said)
{
	static const struct rudp_identity none;

	cr_assert(not(parse(content)), "%s", content);
	cr_assert(ne(ptr, strstr(text, said), NULL), "%s", text);
	cr_assert(zero(int, memcmp(&identity, &none, sizeof none)));
}

static bool load(const char *name, mode_t mode)
{
	cr_assert(zero(int, chmod(path_of(name), mode)));
	return rudp_identity_load(&identity, path_of(name), text);
}

Test(identity, a_file_has_the_private_key_and_gives_the_public_one)
{
	char again[RUDP_IDENTITY_TEXT_SIZE], public[RUDP_PUBLIC_KEY_TEXT_SIZE];

	make_text("id", "# mine\n\n  " LINE);
	cr_assert(load("id", 0600), "%s", text);
	cr_assert(eq(str, rudp_identity_format(&identity, again), LINE));
	cr_assert(eq(str, rudp_public_key_format(identity.public_key, public),
		     "rudp-x25519 " PUBLIC));
	rudp_identity_wipe(&identity);
	cr_assert(rudp_key_is_zero(identity.private_key));
}

Test(identity, faults_say_the_place_and_what_is_expected)
{
	expect_fault("",
		     "id:1:1: there is no key in the file; expected the line rudp-x25519-private");
	expect_fault("\n rudp-x25519 " PUBLIC "\n", "id:2:2: this is a public key; expected");
	expect_fault("rudp-x25519-private\n", "id:1:20: the key is missing");
	expect_fault("rudp-x25519-private abc\n", "id:1:21: too short for a key");
	expect_fault("rudp-x25519-private A" PRIVATE "\n", "id:1:21: too long for a key");
	expect_fault("rudp-x25519-private XasIfm!KikT54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Os=\n",
		     "id:1:27: invalid character");
	expect_fault("rudp-x25519-private XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Ot=\n",
		     "id:1:63: invalid character");
	expect_fault("rudp-x25519-private " ZEROS "\n", "id:1:21: all zeros are no key");
	expect_fault("rudp-x25519-private " PRIVATE " mine\n",
		     "id:1:66: there is more after the key");
	expect_fault(LINE LINE, "id:2:1: there is more than one line");
	expect_fault("0123456789abcdef\n", "id:1:1: this is no private key");
}

Test(identity, a_file_that_others_can_read_is_refused)
{
	make_text("id", LINE);
	cr_assert(not(load("id", 0640)));
	cr_assert(ne(ptr, strstr(text, "/id: can be read or changed by others"), NULL), "%s", text);
	cr_assert(not(rudp_identity_load(&identity, path_of("none"), text)));
	cr_assert(ne(ptr, strstr(text, "/none: No such file or directory"), NULL), "%s", text);
	cr_assert(not(rudp_identity_load(&identity, directory, text)));
	cr_assert(ne(ptr, strstr(text, "is not a regular file"), NULL), "%s", text);
}

Test(identity, a_long_file_is_refused)
{
	static char content[RUDP_IDENTITY_FILE_BYTES_MAX + 2];

	memset(content, '\n', sizeof content - 1);
	make_text("id", content);
	cr_assert(not(load("id", 0600)));
	cr_assert(ne(ptr, strstr(text, "is longer than 4096 bytes"), NULL), "%s", text);
}

Test(identity, a_file_of_another_user_is_refused)
{
	if (geteuid() != 0)
		cr_skip_test("only root can give a file away");
	make_text("id", LINE);
	cr_assert(zero(int, chown(path_of("id"), 12345, 12345)));
	cr_assert(not(load("id", 0600)));
	cr_assert(ne(ptr, strstr(text, "belongs to another user"), NULL), "%s", text);
}

static bool parse_public(const char *content)
{
	uint8_t key[RUDP_IDENTITY_BYTES];

	return rudp_public_key_parse(key, content, strlen(content), "id.pub", text);
}

Test(identity, a_public_key_may_have_a_comment_and_stands_alone)
{
	cr_assert(parse_public("rudp-x25519 " PUBLIC "\n"), "%s", text);
	cr_assert(parse_public("\trudp-x25519\t" PUBLIC "  bob at work \r\n"), "%s", text);
	cr_assert(not(parse_public("")));
	cr_assert(ne(ptr, strstr(text, "id.pub:1:1: there is no key"), NULL), "%s", text);
	cr_assert(not(parse_public(LINE)));
	cr_assert(ne(ptr, strstr(text, "this is a private key"), NULL), "%s", text);
	cr_assert(not(parse_public("ssh-ed25519 " PUBLIC)));
	cr_assert(ne(ptr, strstr(text, "id.pub:1:1: this is no public key; expected rudp-x25519"),
		     NULL),
		  "%s", text);
	cr_assert(not(parse_public("rudp-x25519 " ZEROS)));
	cr_assert(not(parse_public("rudp-x25519 " PUBLIC "\nrudp-x25519 " PUBLIC)));
	cr_assert(ne(ptr, strstr(text, "id.pub:2:1: there is more than one line"), NULL), "%s",
		  text);
}

Test(identity, all_fingerprints_are_of_the_same_digest)
{
	char full[RUDP_FINGERPRINT_FULL_SIZE], shorter[RUDP_FINGERPRINT_SHORT_SIZE];
	char words[RUDP_FINGERPRINT_WORDS_SIZE], expected[RUDP_FINGERPRINT_WORDS_SIZE];
	/* The first 10 bytes of the SHA-256 of the public key. */
	static const uint8_t digest[] = {0xf3, 0x5e, 0x56, 0x16, 0x16,
					 0x0a, 0x30, 0xbf, 0x3c, 0x6e};

	cr_assert(parse(LINE), "%s", text);
	cr_assert(eq(str, rudp_fingerprint_full(identity.public_key, full),
		     "SHA256:815WFhYKML88bnn6c8V21AIF6Pw7pOHG3Pk+a5joV7Q"));
	cr_assert(eq(str, rudp_fingerprint_short(identity.public_key, shorter),
		     "6npf-mfqw-biyl-6pdo"));
	cr_assert(eq(str, rudp_fingerprint_words(identity.public_key, words),
		     rudp_bubble_babble(digest, sizeof digest, expected)));
	cr_assert(eq(sz, strlen(words), sizeof words - 1));
}

/* The test vectors of draft-huima-babble-01 with an even number of bytes. */
Test(identity, words_are_those_of_the_specification)
{
	char words[RUDP_FINGERPRINT_WORDS_SIZE];

	cr_assert(eq(str, rudp_bubble_babble((const uint8_t *)"", 0, words), "xexax"));
	cr_assert(eq(str, rudp_bubble_babble((const uint8_t *)"1234567890", 10, words),
		     "xesef-disof-gytuf-katof-movif-baxux"));
}
