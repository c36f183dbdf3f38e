/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/trace/qlog.h"
#include "engine/trace/qlog_text.h"
#include "proto/pair.h"

#define FILES_MAX 64
#define WORDS "not for the eyes of whoever reads traces. "

static char directory[64];
static char files[FILES_MAX][320];
static int file_count;
static struct pair pair;
static struct rudp_qlog qlog;
static unsigned ratelimit;

static void count_complaint(void *context, enum rudp_log_level level, const char *text)
{
	(void)context;
	(void)text;
	ratelimit += level == RUDP_LOG_ERROR;
}

static void list_files(void)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	file_count = 0;
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && file_count < FILES_MAX)
			snprintf(files[file_count++], sizeof files[0], "%s/%s", directory,
				 entry->d_name);
	if (dir)
		closedir(dir);
}

static void setup(void)
{
	strcpy(directory, "/tmp/rudp-test-qlog.XXXXXX");
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	rudp_log_set(count_complaint, NULL, RUDP_LOG_WARN);
	pair.now_ns = 5 * RUDP_NS_PER_S;
}

static void teardown(void)
{
	list_files();
	for (int i = 0; i < file_count; i++)
		unlink(files[i]);
	rmdir(directory);
}

static void begin(void)
{
	cr_assert(eq(int, rudp_qlog_open(&qlog, directory, &pair.now_ns), 0));
	pair_init_observed(&pair, rudp_qlog_observer(&qlog));
}

static void end(void)
{
	pair_fini(&pair);
	rudp_qlog_close(&qlog);
	list_files();
}

/* The client sends bytes; one in lose of its full datagrams is lost. */
static void send_and_read(size_t bytes, unsigned lose)
{
	struct pair_datagram *datagram;
	unsigned full = 0;
	size_t sent = 0, read = 0;

	while (read < bytes) {
		while (sent < bytes && rudp_conn_write(pair.conn[0], WORDS, sizeof WORDS - 1,
						       pair.now_ns) == sizeof WORDS - 1)
			sent += sizeof WORDS - 1;
		pair_collect(&pair);
		while ((datagram = pair_take(&pair))) {
			if (datagram->len < 1000 || !lose || ++full % lose)
				pair_deliver(&pair, datagram);
			free(datagram);
		}
		read += rudp_conn_receive_available(pair.conn[1]);
		rudp_conn_receive_consume(pair.conn[1], rudp_conn_receive_available(pair.conn[1]),
					  pair.now_ns);
		pair_run(&pair, RUDP_NS_PER_MS);
		rudp_qlog_run(&qlog);
	}
}

static void close_both(void)
{
	rudp_conn_close(pair.conn[0], pair.now_ns);
	pair_settle(&pair);
	rudp_conn_close(pair.conn[1], pair.now_ns);
	pair_run(&pair, 10 * RUDP_NS_PER_S);
}

/* Reads a whole file; the caller frees the result. */
static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "r");
	char *text;

	cr_assert(ne(ptr, file, NULL));
	fseek(file, 0, SEEK_END);
	*len = (size_t)ftell(file);
	rewind(file);
	text = malloc(*len + 1);
	cr_assert(eq(sz, fread(text, 1, *len, file), *len));
	text[*len] = 0;
	fclose(file);
	return text;
}

/* Parses the records of a file: RS, an object, a newline (RFC 7464). */
static json_t *read_records(const char *path)
{
	json_t *records = json_array();
	size_t len;
	char *text = read_file(path, &len);

	for (char *at = text; at < text + len;) {
		char *newline = strchr(at, '\n');
		json_t *record;

		cr_assert(all(eq(chr, *at, '\x1e'), ne(ptr, newline, NULL)));
		record = json_loadb(at + 1, (size_t)(newline - at - 1), JSON_REJECT_DUPLICATES,
				    NULL);
		cr_assert(ne(ptr, record, NULL), "%.*s", (int)(newline - at), at + 1);
		json_array_append_new(records, record);
		at = newline + 1;
	}
	free(text);
	return records;
}

static json_t *records_of(const char *side)
{
	for (int i = 0; i < file_count; i++)
		if (strstr(files[i], side))
			return read_records(files[i]);
	cr_assert(lt(int, file_count, 0), "there is no file of the %s", side);
	return NULL;
}

static const char *name_of(const json_t *record)
{
	const char *name = json_string_value(json_object_get(record, "name"));

	return name ? name : "";
}

static json_t *data_of(const json_t *record, const char *key)
{
	return json_object_get(json_object_get(record, "data"), key);
}

static unsigned count_of(const json_t *records, const char *name)
{
	unsigned count = 0;
	size_t i;
	json_t *record;

	json_array_foreach(records, i, record) count += strcmp(name_of(record), name) == 0;
	return count;
}

static const json_t *last_of(const json_t *records)
{
	return json_array_get(records, json_array_size(records) - 1);
}

TestSuite(qlog, .init = setup, .fini = teardown);

Test(qlog, both_ends_of_a_connection_trace_the_same_events)
{
	json_t *client, *server;
	const char *id;

	begin();
	pair_establish(&pair);
	send_and_read(300000, 5);
	close_both();
	end();
	cr_assert(eq(int, file_count, 2));
	client = records_of("-client.sqlog");
	server = records_of("-server.sqlog");
	for (int i = 0; i < 2; i++) {
		json_t *head = json_array_get(i ? server : client, 0);
		json_t *trace = json_object_get(head, "trace");
		json_t *common = json_object_get(trace, "common_fields");

		cr_assert(eq(str, (char *)json_string_value(json_object_get(head, "qlog_version")),
			     "0.3"));
		cr_assert(eq(str, (char *)json_string_value(json_object_get(head, "qlog_format")),
			     "JSON-SEQ"));
		cr_assert(eq(str,
			     (char *)json_string_value(json_object_get(
				     json_object_get(trace, "vantage_point"), "type")),
			     i ? "server" : "client"));
		cr_assert(lt(dbl, 1e12,
			     json_number_value(json_object_get(common, "reference_time"))));
		id = json_string_value(json_object_get(common, "group_id"));
		cr_assert(ne(ptr, strstr(files[0], id), NULL));
		cr_assert(ne(ptr, strstr(files[1], id), NULL));
	}
	cr_assert(eq(uint, count_of(client, "connectivity:connection_started"), 1));
	cr_assert(eq(uint, count_of(server, "connectivity:connection_started"), 1));
	cr_assert(eq(uint, count_of(client, "connectivity:connection_closed"), 1));
	cr_assert(ge(uint, count_of(client, "recovery:packet_lost"), 2));
	cr_assert(ge(uint, count_of(client, "recovery:metrics_updated"), 11));
	cr_assert(ge(uint, count_of(client, "recovery:congestion_state_updated"), 1));
	cr_assert(eq(uint, count_of(client, "transport:packet_sent"),
		     count_of(server, "transport:packet_received") +
			     count_of(client, "recovery:packet_lost")));
	cr_assert(eq(uint, count_of(server, "transport:packet_sent"),
		     count_of(client, "transport:packet_received")));
	json_decref(client);
	json_decref(server);
}

Test(qlog, packets_and_metrics_have_the_fields_of_the_schema)
{
	static const char *const metrics[] = {
		"min_rtt",           "smoothed_rtt",    "latest_rtt", "rtt_variance",
		"congestion_window", "bytes_in_flight", "pacing_rate"};
	uint64_t stream_end = 0;
	double last_ms = 0;
	json_t *client, *record, *frame, *seen = json_object();
	size_t i, k;

	begin();
	pair_establish(&pair);
	send_and_read(50000, 0);
	close_both();
	end();
	client = records_of("-client.sqlog");
	json_array_foreach(client, i, record)
	{
		const char *key;
		json_t *value;

		if (i == 0)
			continue;
		cr_assert(ge(dbl, json_number_value(json_object_get(record, "time")), last_ms));
		last_ms = json_number_value(json_object_get(record, "time"));
		if (strcmp(name_of(record), "recovery:metrics_updated") == 0)
			json_object_foreach(json_object_get(record, "data"), key, value)
				json_object_set(seen, key, value);
		if (strncmp(name_of(record), "transport:packet_", 17) != 0)
			continue;
		cr_assert(
			ne(ptr, json_object_get(data_of(record, "header"), "packet_number"), NULL));
		cr_assert(ne(ptr, json_object_get(data_of(record, "header"), "packet_type"), NULL));
		cr_assert(ge(u64,
			     (uint64_t)json_integer_value(
				     json_object_get(data_of(record, "raw"), "length")),
			     30));
		if (strcmp(name_of(record), "transport:packet_sent") != 0)
			continue;
		json_array_foreach(data_of(record, "frames"), k, frame)
		{
			if (strcmp(json_string_value(json_object_get(frame, "frame_type")),
				   "stream"))
				continue;
			cr_assert(eq(u64,
				     (uint64_t)json_integer_value(json_object_get(frame, "offset")),
				     stream_end));
			stream_end +=
				(uint64_t)json_integer_value(json_object_get(frame, "length"));
		}
	}
	cr_assert(ge(u64, stream_end, 50000));
	for (i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
		cr_assert(ne(ptr, json_object_get(seen, metrics[i]), NULL), "%s", metrics[i]);
	json_decref(seen);
	json_decref(client);
}

/* The first record with this name whose packet has this length; NULL: there is none. */
static const json_t *packet_of(const json_t *records, const char *name, json_int_t bytes)
{
	size_t i;
	json_t *record;

	json_array_foreach(records, i, record) if (strcmp(name_of(record), name) == 0 &&
						   json_integer_value(json_object_get(
							   data_of(record, "raw"), "length")) ==
							   bytes) return record;
	return NULL;
}

Test(qlog, a_path_probe_is_traced_by_both_ends)
{
	json_t *ends[2];

	begin();
	pair.interface_bytes = 1472;
	pair_establish(&pair);
	send_and_read(100000, 0);
	close_both();
	end();
	ends[0] = records_of("-client.sqlog");
	ends[1] = records_of("-server.sqlog");
	for (int i = 0; i < 2; i++) {
		const json_t *probe = packet_of(
			ends[i], i ? "transport:packet_received" : "transport:packet_sent", 1472);
		json_t *ping, *padding;

		cr_assert(ne(ptr, (void *)probe, NULL));
		ping = json_array_get(data_of(probe, "frames"), 0);
		padding = json_array_get(data_of(probe, "frames"), 1);
		cr_assert(eq(sz, json_array_size(data_of(probe, "frames")), 2));
		cr_assert(eq(str, (char *)json_string_value(json_object_get(ping, "frame_type")),
			     "ping"));
		cr_assert(eq(str, (char *)json_string_value(json_object_get(padding, "frame_type")),
			     "padding"));
		cr_assert(eq(i64, json_integer_value(json_object_get(padding, "payload_length")),
			     1472 - RUDP_DATA_OVERHEAD_SHORT_BYTES - 1));
	}
	cr_assert(eq(uint, count_of(ends[0], "transport:packet_sent"),
		     count_of(ends[1], "transport:packet_received")));
	json_decref(ends[0]);
	json_decref(ends[1]);
}

Test(qlog, no_byte_of_the_stream_is_in_the_files)
{
	begin();
	pair_establish(&pair);
	send_and_read(20000, 0);
	close_both();
	end();
	cr_assert(eq(int, file_count, 2));
	for (int i = 0; i < file_count; i++) {
		size_t len;
		char *text = read_file(files[i], &len);
		struct stat st;

		cr_assert(eq(ptr, strstr(text, "not for"), NULL));
		cr_assert(eq(int, stat(files[i], &st), 0));
		cr_assert(eq(uint, st.st_mode & 0777, 0600));
		free(text);
	}
}

Test(qlog, a_file_ends_at_its_limit_with_a_remark)
{
	struct stat st;
	json_t *client;

	begin();
	qlog.file_max_bytes = 20000;
	pair_establish(&pair);
	send_and_read(300000, 0);
	close_both();
	end();
	for (int i = 0; i < file_count; i++) {
		cr_assert(eq(int, stat(files[i], &st), 0));
		cr_assert(le(u64, (uint64_t)st.st_size, 20000));
		cr_assert(ge(u64, (uint64_t)st.st_size, 15001));
	}
	client = records_of("-client.sqlog");
	cr_assert(eq(str, (char *)name_of(last_of(client)), "loglevel:warning"));
	cr_assert(eq(u64, qlog.counts.cut_short, 2));
	json_decref(client);
}

Test(qlog, all_files_together_stay_below_the_limit)
{
	uint64_t sum = 0;
	struct stat st;

	begin();
	qlog.all_max_bytes = 60000;
	for (int i = 0; i < 6; i++) {
		pair.addr[0].in4.sin_port = (in_port_t)(1000 + i);
		pair_establish(&pair);
		send_and_read(100000, 0);
		close_both();
	}
	end();
	for (int i = 0; i < file_count; i++) {
		json_t *records = read_records(files[i]);

		cr_assert(eq(int, stat(files[i], &st), 0));
		sum += (uint64_t)st.st_size;
		json_decref(records);
	}
	cr_assert(all(le(u64, sum, 60000), ge(u64, sum, 40001)));
	cr_assert(ge(u64, qlog.counts.connections_left_out, 6));
}

Test(qlog, memory_for_unwritten_text_is_bounded)
{
	static const char *const sides[] = {"-client.sqlog", "-server.sqlog"};
	json_t *records, *record;
	unsigned remarks = 0;
	size_t i;

	begin();
	pair_establish(&pair);
	/* One single turn of the loop, so nothing is written in the meantime. */
	for (i = 0; i < 20000; i++) {
		cr_assert(eq(sz, rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns), 1));
		pair_run(&pair, RUDP_NS_PER_MS);
		rudp_conn_receive_consume(pair.conn[1], rudp_conn_receive_available(pair.conn[1]),
					  pair.now_ns);
		cr_assert(le(sz, qlog.buffered_bytes, 2 * RUDP_QLOG_BUFFER_MAX_BYTES));
	}
	cr_assert(ge(u64, qlog.counts.facts_left_out, 1001));
	rudp_qlog_run(&qlog);
	send_and_read(5000, 0);
	close_both();
	end();
	for (int side = 0; side < 2; side++) {
		records = records_of(sides[side]);
		json_array_foreach(records, i, record) remarks +=
			strcmp(name_of(record), "loglevel:warning") == 0;
		cr_assert(eq(uint, count_of(records, "connectivity:connection_closed"), 1));
		json_decref(records);
	}
	cr_assert(ge(uint, remarks, 1));
}

Test(qlog, a_peer_that_only_sends_a_SYN_gets_no_file)
{
	struct pair_datagram *syn;

	begin();
	pair_connect(&pair, PAIR_PORT);
	syn = pair_take(&pair);
	pair_deliver(&pair, syn);
	free(syn);
	pair.now_ns += 2 * RUDP_NS_PER_S;
	rudp_qlog_run(&qlog);
	end();
	cr_assert(eq(int, file_count, 1));
	cr_assert(ne(ptr, strstr(files[0], "-client.sqlog"), NULL));
}

Test(qlog, a_small_amount_is_written_after_a_second)
{
	struct stat st;

	begin();
	pair_establish(&pair);
	rudp_qlog_run(&qlog);
	list_files();
	cr_assert(eq(int, file_count, 0));
	cr_assert(eq(i64, rudp_qlog_deadline_ns(&qlog), pair.now_ns + RUDP_QLOG_WRITE_AFTER_NS));
	pair.now_ns = rudp_qlog_deadline_ns(&qlog);
	rudp_qlog_run(&qlog);
	list_files();
	cr_assert(eq(int, file_count, 2));
	cr_assert(eq(int, stat(files[0], &st), 0));
	cr_assert(ge(u64, (uint64_t)st.st_size, 501));
	cr_assert(eq(i64, rudp_qlog_deadline_ns(&qlog), RUDP_NEVER));
	end();
}

/* This behaves like a full disk: some bytes are written, the next write fails. */
Test(qlog, a_file_that_cannot_grow_ends_with_a_whole_record)
{
	/* Large enough for a first write, however much one turn produces. */
	const struct rlimit small = {3 * RUDP_QLOG_WRITE_BYTES, 3 * RUDP_QLOG_WRITE_BYTES};

	begin();
	signal(SIGXFSZ, SIG_IGN);
	cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &small), 0));
	pair_establish(&pair);
	send_and_read(1000000, 30);
	close_both();
	end();
	cr_assert(eq(uint, ratelimit, 1));
	cr_assert(eq(int, qlog.directory_fd, -1));
	cr_assert(ge(int, file_count, 1));
	for (int i = 0; i < file_count; i++)
		json_decref(read_records(files[i]));
}

Test(qlog, a_removed_directory_only_ends_tracing)
{
	begin();
	pair_establish(&pair);
	cr_assert(eq(int, rmdir(directory), 0));
	send_and_read(300000, 0);
	close_both();
	end();
	cr_assert(eq(uint, ratelimit, 1));
	cr_assert(eq(int, qlog.directory_fd, -1));
}

Test(qlog, an_unsuitable_directory_means_no_traces)
{
	char file[96];

	cr_assert(eq(int, rudp_qlog_open(&qlog, "", &pair.now_ns), 0));
	cr_assert(eq(ptr, (void *)rudp_qlog_observer(&qlog), NULL));
	cr_assert(eq(uint, ratelimit, 0));
	cr_assert(eq(int, rudp_qlog_open(&qlog, "/no/such/place", &pair.now_ns), -ENOENT));
	snprintf(file, sizeof file, "%s/file", directory);
	fclose(fopen(file, "w"));
	cr_assert(eq(int, rudp_qlog_open(&qlog, file, &pair.now_ns), -ENOTDIR));
	cr_assert(eq(int, chmod(directory, 0777), 0));
	cr_assert(eq(int, rudp_qlog_open(&qlog, directory, &pair.now_ns), -EPERM));
	cr_assert(eq(ptr, (void *)rudp_qlog_observer(&qlog), NULL));
	cr_assert(eq(uint, ratelimit, 3));
	cr_assert(eq(int, chmod(directory, 01777), 0));
	cr_assert(eq(int, rudp_qlog_open(&qlog, directory, &pair.now_ns), 0));
	rudp_qlog_close(&qlog);
}

Test(qlog, frames_beyond_the_record_size_are_only_counted)
{
	static uint8_t pings[2000];
	static char text[RUDP_QLOG_RECORD_MAX_BYTES];
	struct rudp_qlog_reported reported = {0};
	struct rudp_fact fact = {.kind = RUDP_FACT_PACKET_RECEIVED,
				 .packet = {.type = RUDP_PACKET_DATA,
					    .number = 7,
					    .size_bytes = 2029,
					    .frames = pings,
					    .frames_bytes = sizeof pings}};
	json_t *record;
	size_t len;

	memset(pings, RUDP_FRAME_PING, sizeof pings);
	len = rudp_qlog_write_fact(text, &reported, NULL, &fact, 0);
	cr_assert(all(ge(sz, len, 4001), le(sz, len, sizeof text)));
	record = json_loadb(text + 1, len - 2, 0, NULL);
	cr_assert(ne(ptr, record, NULL));
	cr_assert(eq(sz,
		     json_array_size(data_of(record, "frames")) +
			     (size_t)json_integer_value(data_of(record, "frames_left_out")),
		     2000));
	json_decref(record);
}
