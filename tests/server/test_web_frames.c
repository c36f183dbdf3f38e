/* SPDX-License-Identifier: MIT */
/* The frames of WebSocket: whole, cut, fragmented, and wrong ones. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "conversation/web/frames.h"

#define TEXT 1
#define BINARY 2
#define CLOSE 8
#define PING 9
#define PONG 10
#define FIN 0x80

static struct apo_web_input input;
static struct apo_web_decoded decoded;
static char bytes[4 * APO_WEB_KEPT_BYTES_MAX], lines[8 * APO_WEB_KEPT_BYTES_MAX];
static size_t len;

static void begin(void)
{
	input = (struct apo_web_input){.type = APO_WEB_TEXT};
	len = 0;
}

static void end(void)
{
	apo_web_input_fini(&input);
}

TestSuite(web_frames, .init = begin, .fini = end);

static void put_header(unsigned first, uint64_t payload_len)
{
	unsigned i, more = payload_len < 126 ? 0 : payload_len <= UINT16_MAX ? 2 : 8;

	bytes[len++] = (char)first;
	bytes[len++] = (char)(0x80 | (more == 0 ? payload_len : more == 2 ? 126 : 127));
	for (i = more; i > 0; i--)
		bytes[len++] = (char)(payload_len >> 8 * (i - 1));
}

/* Adds a masked frame. */
static void put(unsigned first, const char *payload, size_t payload_len)
{
	static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	size_t i;

	put_header(first, payload_len);
	memcpy(bytes + len, mask, sizeof mask);
	len += sizeof mask;
	for (i = 0; i < payload_len; i++)
		bytes[len++] = (char)(payload[i] ^ mask[i % sizeof mask]);
}

static void put_text(unsigned first, const char *text)
{
	put(first, text, strlen(text));
}

/* Decodes what was put, together with what was kept, and returns the lines. */
static const char *decode(void)
{
	static char room[8 * APO_WEB_KEPT_BYTES_MAX];
	size_t kept = apo_web_input_restore(&input, room);

	memcpy(room + kept, bytes, len);
	apo_web_decode(&input, room, kept + len, lines, &decoded);
	len = 0;
	lines[decoded.lines_len] = 0;
	return lines;
}

static unsigned code_after(unsigned first, const char *text)
{
	put_text(first, text);
	decode();
	return decoded.close_code;
}

Test(web_frames, each_message_becomes_a_line)
{
	put_text(FIN | TEXT, "NICK a");
	put_text(FIN | TEXT, "");
	put_text(FIN | TEXT, "USER a\r\n");
	cr_assert(eq(str, (char *)decode(), "NICK a\n\nUSER a\n"));
	cr_assert(eq(uint, decoded.close_code, 0));
	cr_assert(eq(ptr, input.kept, NULL));
}

Test(web_frames, frames_may_come_byte_by_byte)
{
	static char all[1000], got[1000];
	size_t i, n, got_len = 0;
	char text[300];

	memset(text, 'x', sizeof text);
	put(FIN | TEXT, text, sizeof text);
	put_text(TEXT, "a");
	put_text(FIN | PING, "p");
	put_text(FIN, "b");
	n = len;
	memcpy(all, bytes, n);
	for (i = 0; i < n; i++) {
		bytes[0] = all[i];
		len = 1;
		decode();
		memcpy(got + got_len, lines, decoded.lines_len);
		got_len += decoded.lines_len;
	}
	cr_assert(eq(sz, got_len, sizeof text + 1 + 2 + 3));
	cr_assert(eq(str, got + sizeof text, "\n\n\nab\n"));
	cr_assert(eq(ptr, input.kept, NULL));
	cr_assert(eq(ptr, input.message, NULL));
}

Test(web_frames, a_message_may_be_in_many_frames_with_control_frames_between)
{
	put_text(TEXT, "PRIV");
	cr_assert(eq(str, (char *)decode(), "\n"));
	put_text(FIN | PING, "1");
	put_text(0, "MSG #a");
	put_text(0, "");
	put_text(FIN | PONG, "x");
	put_text(FIN | PING, "2");
	cr_assert(eq(str, (char *)decode(), "\n\n\n\n\n"));
	cr_assert(decoded.has_ping);
	cr_assert(eq(uint, decoded.ping_len, 1));
	cr_assert(eq(chr, decoded.ping[0], '2'));
	put_text(FIN, " :b");
	cr_assert(eq(str, (char *)decode(), "PRIVMSG #a :b\n"));
}

Test(web_frames, a_character_may_be_cut_by_a_frame_but_not_by_a_message)
{
	put_text(TEXT, "\xc3");
	put_text(FIN, "\xa4");
	cr_assert(eq(str, (char *)decode(), "\n\xc3\xa4\n"));
	cr_assert(eq(uint, code_after(FIN | TEXT, "\xc3"), APO_WEB_NOT_UTF8));
}

Test(web_frames, text_must_be_utf8_and_binary_need_not)
{
	input.type = APO_WEB_BINARY;
	put_text(FIN | BINARY, "\xff");
	cr_assert(eq(str, (char *)decode(), "\xff\n"));
	input.type = APO_WEB_ANY;
	put_text(FIN | BINARY, "\xff");
	put_text(FIN | TEXT, "b");
	cr_assert(eq(str, (char *)decode(), "\xff\nb\n"));
	cr_assert(eq(uint, code_after(FIN | TEXT, "\xed\xa0\x80"), APO_WEB_NOT_UTF8));
}

Test(web_frames, lines_before_an_error_are_delivered)
{
	put_text(FIN | TEXT, "one");
	put_text(FIN | TEXT, "\xff");
	put_text(FIN | TEXT, "two");
	cr_assert(eq(str, (char *)decode(), "one\n"));
	cr_assert(eq(uint, decoded.close_code, APO_WEB_NOT_UTF8));
}

Test(web_frames, violations_have_their_close_codes)
{
	static const struct {
		unsigned first;
		const char *text;
		unsigned code;
	} wrong[] = {
		{FIN | 0x40 | TEXT, "rsv1", APO_WEB_PROTOCOL_ERROR},
		{FIN | 0x10 | TEXT, "rsv3", APO_WEB_PROTOCOL_ERROR},
		{FIN | 3, "opcode", APO_WEB_PROTOCOL_ERROR},
		{FIN | 11, "opcode", APO_WEB_PROTOCOL_ERROR},
		{FIN, "continues nothing", APO_WEB_PROTOCOL_ERROR},
		{PING, "in fragments", APO_WEB_PROTOCOL_ERROR},
		{FIN | BINARY, "other type", APO_WEB_UNSUPPORTED},
		{FIN | TEXT, "two\nlines", APO_WEB_POLICY},
		{FIN | CLOSE, "\x03", APO_WEB_PROTOCOL_ERROR},
		{FIN | CLOSE, "\x03\xed", APO_WEB_PROTOCOL_ERROR}, /* 1005 */
		{FIN | CLOSE, "\x03\xe8\xff", APO_WEB_NOT_UTF8},
	};
	size_t i;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		begin();
		cr_assert(eq(uint, code_after(wrong[i].first, wrong[i].text), wrong[i].code), "%s",
			  wrong[i].text);
		cr_assert(not(decoded.is_peers_close));
		end();
	}
}

Test(web_frames, a_message_within_a_message_is_an_error)
{
	put_text(TEXT, "a");
	cr_assert(eq(uint, code_after(FIN | TEXT, "b"), APO_WEB_PROTOCOL_ERROR));
}

Test(web_frames, frames_must_be_masked)
{
	memcpy(bytes, "\x81\x01x", 3);
	len = 3;
	decode();
	cr_assert(eq(uint, decoded.close_code, APO_WEB_PROTOCOL_ERROR));
}

Test(web_frames, lengths_must_be_in_the_shortest_form_and_positive)
{
	static const char longer[] = "\x81\xfe\x00\x05mask12345";
	static const char negative[] = "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x01maskx";

	memcpy(bytes, longer, len = sizeof longer - 1);
	decode();
	cr_assert(eq(uint, decoded.close_code, APO_WEB_PROTOCOL_ERROR));
	begin();
	memcpy(bytes, negative, len = sizeof negative - 1);
	decode();
	cr_assert(eq(uint, decoded.close_code, APO_WEB_PROTOCOL_ERROR));
}

Test(web_frames, a_control_frame_is_short)
{
	char text[126];

	memset(text, 'x', sizeof text);
	put(FIN | PING, text, 125);
	decode();
	cr_assert(decoded.has_ping);
	cr_assert(eq(uint, decoded.close_code, 0));
	put(FIN | PING, text, 126);
	decode();
	cr_assert(eq(uint, decoded.close_code, APO_WEB_PROTOCOL_ERROR));
}

Test(web_frames, a_message_is_bounded)
{
	static char text[APO_WEB_MESSAGE_BYTES_MAX + 1];

	memset(text, 'x', sizeof text);
	put(FIN | TEXT, text, APO_WEB_MESSAGE_BYTES_MAX);
	decode();
	cr_assert(eq(sz, decoded.lines_len, APO_WEB_MESSAGE_BYTES_MAX + 1));
	put(FIN | TEXT, text, sizeof text);
	decode();
	cr_assert(eq(uint, decoded.close_code, APO_WEB_TOO_BIG));
	begin();
	/* The length alone is enough: nothing of such a frame is kept. */
	put_header(FIN | TEXT, UINT64_C(1) << 40);
	memcpy(bytes + len, "maskx", 5);
	len += 5;
	decode();
	cr_assert(eq(uint, decoded.close_code, APO_WEB_TOO_BIG));
	begin();
	put(TEXT, text, APO_WEB_MESSAGE_BYTES_MAX);
	decode();
	cr_assert(eq(uint, decoded.close_code, 0));
	cr_assert(eq(uint, code_after(0, "x"), APO_WEB_TOO_BIG));
}

Test(web_frames, the_peers_close_ends_the_input)
{
	put_text(FIN | TEXT, "QUIT");
	put_text(FIN | CLOSE, "\x03\xe8 bye");
	put_text(FIN | TEXT, "late");
	cr_assert(eq(str, (char *)decode(), "QUIT\n"));
	cr_assert(decoded.is_peers_close);
	cr_assert(eq(uint, decoded.close_code, APO_WEB_NORMAL));
	begin();
	cr_assert(eq(uint, code_after(FIN | CLOSE, ""), APO_WEB_NO_CODE));
	cr_assert(decoded.is_peers_close);
}

/* ---- encoding ---- */

static size_t encode(enum apo_web_type type, const char *text, size_t text_len)
{
	static char frames[2 * APO_WEB_FRAME_BYTES_MAX];
	size_t frames_len, used;

	used = apo_web_encode(type, text, text_len, frames, sizeof frames, &frames_len);
	memcpy(bytes, frames, frames_len < sizeof bytes ? frames_len : sizeof bytes);
	len = frames_len;
	return used;
}

Test(web_frames, each_line_becomes_a_message)
{
	static const char text[] = "one\r\ntwo\n\r\nthree";

	cr_assert(eq(sz, encode(APO_WEB_TEXT, text, sizeof text - 1), 11));
	cr_assert(eq(sz, len, 12));
	cr_assert(eq(int, memcmp(bytes, "\x81\x03one\x81\x03two\x81\x00", 12), 0));
	cr_assert(eq(sz, encode(APO_WEB_BINARY, "a\r\n", 3), 3));
	cr_assert(eq(int,
		     memcmp(bytes,
			    "\x82\x01"
			    "a",
			    3),
		     0));
}

Test(web_frames, text_is_made_utf8)
{
	cr_assert(eq(sz, encode(APO_WEB_ANY, "a\xff\xc3\xa4\xc3\r\n", 7), 7));
	cr_assert(eq(int,
		     memcmp(bytes,
			    "\x81\x09"
			    "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd",
			    11),
		     0));
	encode(APO_WEB_BINARY, "\xff\r\n", 3);
	cr_assert(eq(int, memcmp(bytes, "\x82\x01\xff", 3), 0));
}

Test(web_frames, encoding_stops_where_room_ends)
{
	static char text[20 * 8000];
	size_t i, used;

	memset(text, 'x', sizeof text);
	for (i = 7999; i < sizeof text; i += 8000)
		text[i] = '\n';
	used = encode(APO_WEB_TEXT, text, sizeof text);
	cr_assert(lt(sz, used, sizeof text));
	cr_assert(eq(sz, used % 8000, 0));
	cr_assert(eq(sz, len, used / 8000 * (4 + 7999)));
}

Test(web_frames, close_frames_have_a_code_and_a_reason)
{
	char frame[APO_WEB_CONTROL_BYTES_MAX + 2];

	cr_assert(eq(sz, apo_web_encode_close(APO_WEB_TOO_BIG, "x", frame), 5));
	cr_assert(eq(int, memcmp(frame, "\x88\x03\x03\xf1x", 5), 0));
	cr_assert(eq(sz, apo_web_encode_close(APO_WEB_NO_CODE, "", frame), 2));
	cr_assert(eq(sz, apo_web_encode_pong("ab", 2, frame), 4));
	cr_assert(eq(int,
		     memcmp(frame,
			    "\x8a\x02"
			    "ab",
			    4),
		     0));
}
