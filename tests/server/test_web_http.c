/* SPDX-License-Identifier: MIT */
/* HTTP requests of a web listener: parsing, and the decision about the answer. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "conversation/web/files.h"
#include "conversation/web/handshake.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
#define WEBSOCKET                                                                                  \
	"GET / HTTP/1.1\r\nHost: irc.test:8067\r\n" UPGRADE "Sec-WebSocket-Version: 13\r\n" KEY

static struct apo_web_rules rules;
static struct apo_web_answer answer;

static void begin(void)
{
	rules = (struct apo_web_rules){.has_client = true};
}

TestSuite(web_http, .init = begin);

static enum apo_http_verdict parse(const char *text)
{
	struct apo_http_request request;

	return apo_http_parse(text, strlen(text), 0, &request);
}

/* The status of the answer to a request without its empty line. */
static unsigned status_with(const char *text, const char *refusal)
{
	struct apo_http_request request;
	char whole[APO_HTTP_HEAD_BYTES_MAX];
	enum apo_http_verdict verdict;

	snprintf(whole, sizeof whole, "%s\r\n", text);
	verdict = apo_http_parse(whole, strlen(whole), 0, &request);
	if (verdict == APO_HTTP_OK)
		apo_web_answer(&rules, "irc.test", &request, refusal, &answer);
	else
		apo_web_answer_error(verdict, &answer);
	return answer.status;
}

static unsigned status(const char *text)
{
	return status_with(text, NULL);
}

static bool head_has(const char *text)
{
	return memmem(answer.head, answer.head_len, text, strlen(text)) != NULL;
}

Test(web_http, a_request_is_complete_at_its_empty_line)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct apo_http_request request;
	size_t len;

	for (len = 0; len < sizeof text - 1; len++)
		cr_assert(eq(int, (int)apo_http_parse(text, len, len ? len - 1 : 0, &request),
			     APO_HTTP_INCOMPLETE));
	cr_assert(eq(int, (int)apo_http_parse(text, len, len - 1, &request), APO_HTTP_OK));
	cr_assert(eq(sz, request.head_len, sizeof text - 1));
}

Test(web_http, what_http_lets_a_server_refuse_is_malformed)
{
	static const char *const wrong[] = {
		"\r\n\r\n",
		"GET\r\n\r\n",
		"GET /\r\n\r\n",
		"GET / HTTP/1\r\n\r\n",
		"GET / http/1.1\r\n\r\n",
		"GET http://a/ HTTP/1.1\r\n\r\n",
		"GET /a b HTTP/1.1\r\n\r\n",
		"G{T / HTTP/1.1\r\n\r\n",
		"GET /\x80 HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\nOrigin: b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nOrigin: a\r\nOrigin: b\r\n\r\n",
		"GET / HTTP/1.1\r\n" KEY KEY "\r\n",
		"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
		"GET / HTTP/1.1\r\nHost\r\n\r\n",
		"GET / HTTP/1.1\r\n: a\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
	};
	size_t i;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_assert(eq(int, (int)parse(wrong[i]), APO_HTTP_MALFORMED), "%s", wrong[i]);
	cr_assert(eq(int, (int)parse("GET / HTTP/1.0\r\n\r\n"), APO_HTTP_OTHER_VERSION));
	cr_assert(eq(int, (int)parse("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), APO_HTTP_OK));
}

Test(web_http, a_head_is_bounded)
{
	static char text[2 * APO_HTTP_HEAD_BYTES_MAX];
	struct apo_http_request request;
	size_t len = 0, i;

	memset(text, 'a', sizeof text);
	memcpy(text, "GET /", 5);
	cr_assert(eq(int, (int)apo_http_parse(text, APO_HTTP_HEAD_BYTES_MAX - 1, 0, &request),
		     APO_HTTP_INCOMPLETE));
	cr_assert(eq(int, (int)apo_http_parse(text, APO_HTTP_HEAD_BYTES_MAX, 0, &request),
		     APO_HTTP_TOO_LONG));
	len = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n");
	for (i = 0; i <= APO_HTTP_HEADERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "A: b\r\n");
	snprintf(text + len, sizeof text - len, "\r\n");
	cr_assert(eq(int, (int)parse(text), APO_HTTP_TOO_LONG));
}

Test(web_http, the_accept_value_is_that_of_the_rfc)
{
	cr_assert(eq(uint, status(WEBSOCKET), 101));
	cr_assert(head_has("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	cr_assert(not(head_has("Sec-WebSocket-Protocol")));
	cr_assert(eq(int, (int)answer.type, APO_WEB_ANY));
}

Test(web_http, the_first_known_subprotocol_is_chosen)
{
	status(WEBSOCKET "Sec-WebSocket-Protocol: other, text.ircv3.net, binary.ircv3.net\r\n");
	cr_assert(head_has("Sec-WebSocket-Protocol: text.ircv3.net\r\n"));
	cr_assert(eq(int, (int)answer.type, APO_WEB_TEXT));
	status(WEBSOCKET "Sec-WebSocket-Protocol: binary.ircv3.net\r\n"
			 "Sec-WebSocket-Protocol: text.ircv3.net\r\n");
	cr_assert(eq(int, (int)answer.type, APO_WEB_BINARY));
}

Test(web_http, an_incomplete_handshake_is_refused)
{
	cr_assert(eq(uint, status("GET / HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Version: 13\r\n" KEY),
		     400));
	cr_assert(eq(uint, status("GET / HTTP/1.1\r\nHost: irc.test\r\n" UPGRADE KEY), 426));
	cr_assert(head_has("Sec-WebSocket-Version: 13\r\n"));
	cr_assert(eq(uint,
		     status("GET / HTTP/1.1\r\nHost: irc.test\r\n" UPGRADE
			    "Sec-WebSocket-Version: 13\r\n"),
		     400));
	cr_assert(eq(uint,
		     status("GET / HTTP/1.1\r\nHost: irc.test\r\n" UPGRADE
			    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n"),
		     400));
	cr_assert(eq(uint,
		     status("HEAD / HTTP/1.1\r\nHost: irc.test\r\n" UPGRADE
			    "Sec-WebSocket-Version: 13\r\n" KEY),
		     405));
}

Test(web_http, only_known_hosts_are_admitted)
{
	static const char *const known[] = {"irc.test",       "IRC.TEST:80", "localhost:8067",
					    "127.0.0.1:8067", "[::1]:8067",  "chat.test"};
	static const char *const unknown[] = {
		"evil.test", "irc.test.evil.test", "irc.test:80:80", "irc.test:", "[::1",
		"[evil]:80", "irc.test/",          "a@irc.test",     ""};
	char text[200];
	size_t i;

	rules.hosts[rules.host_count++] = "chat.test";
	for (i = 0; i < sizeof known / sizeof *known; i++) {
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n", known[i]);
		cr_assert(eq(uint, status(text), 200), "%s", known[i]);
	}
	for (i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n", unknown[i]);
		cr_assert(eq(uint, status(text), 421), "%s", unknown[i]);
	}
}

Test(web_http, only_pages_of_this_host_or_of_the_rules_may_connect)
{
	cr_assert(eq(uint, status(WEBSOCKET "Origin: http://irc.test:8067\r\n"), 101));
	cr_assert(eq(uint, status(WEBSOCKET "Origin: https://IRC.test:8067\r\n"), 101));
	cr_assert(eq(uint, status(WEBSOCKET "Origin: https://irc.test\r\n"), 403));
	cr_assert(eq(uint, status(WEBSOCKET "Origin: https://evil.test\r\n"), 403));
	cr_assert(eq(uint, status(WEBSOCKET "Origin: null\r\n"), 403));
	cr_assert(eq(uint, status(WEBSOCKET "Origin: \r\n"), 403));
	rules.origins[rules.origin_count++] = "https://evil.test";
	cr_assert(eq(uint, status(WEBSOCKET "Origin: https://evil.test\r\n"), 101));
	cr_assert(eq(uint, status(WEBSOCKET "Origin: http://evil.test\r\n"), 403));
	rules.origins[rules.origin_count++] = "*";
	cr_assert(eq(uint, status(WEBSOCKET "Origin: null\r\n"), 101));
}

Test(web_http, files_are_served_with_a_strict_policy)
{
	const struct apo_web_file *page = apo_web_files;
	char text[200];

	while (strcmp(page->path, "/") != 0)
		page++;
	cr_assert(eq(uint, status("GET /?x=1 HTTP/1.1\r\nHost: irc.test\r\n"), 200));
	cr_assert(eq(sz, answer.body_len, page->len));
	cr_assert(head_has("Content-Security-Policy: default-src 'none';"));
	cr_assert(not(head_has("unsafe")));
	cr_assert(head_has("X-Content-Type-Options: nosniff\r\n"));
	cr_assert(eq(uint, status("HEAD / HTTP/1.1\r\nHost: irc.test\r\n"), 200));
	cr_assert(eq(sz, answer.body_len, 0));
	snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: irc.test\r\nIf-None-Match: %s\r\n",
		 page->tag);
	cr_assert(eq(uint, status(text), 304));
	cr_assert(eq(sz, answer.body_len, 0));
	cr_assert(eq(uint, status("GET /../etc/passwd HTTP/1.1\r\nHost: irc.test\r\n"), 404));
	cr_assert(eq(uint, status("DELETE / HTTP/1.1\r\nHost: irc.test\r\n"), 405));
	cr_assert(head_has("Allow: GET, HEAD\r\n"));
	rules.has_client = false;
	cr_assert(eq(uint, status("GET / HTTP/1.1\r\nHost: irc.test\r\n"), 426));
}

Test(web_http, a_full_server_says_so)
{
	static const char full[] = "The server is full";

	cr_assert(eq(uint, status_with("GET / HTTP/1.1\r\nHost: irc.test\r\n", full), 503));
	cr_assert(eq(sz, answer.body_len, sizeof full - 1));
	/* A browser shows no status of a WebSocket: it ends with the reason in an ERROR line. */
	cr_assert(eq(uint, status_with(WEBSOCKET, full), 101));
}

Test(web_http, the_web_client_is_small)
{
	size_t i, bytes = 0;

	for (i = 0; i < apo_web_file_count; i++)
		bytes += apo_web_files[i].len;
	cr_assert(lt(sz, bytes, 100 * 1024));
}
