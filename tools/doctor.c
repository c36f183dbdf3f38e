/* SPDX-License-Identifier: MIT */
/*
 * rudp doctor: prints one line for each thing that rudp needs, and the command that fixes a
 * problem.
 */
#include "doctor.h"

#include <argp.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "ss.h"
#include "tool.h"

struct input {
	bool json, self_test;
};

static const struct argp_option options[] = {
	{"json", 'j', NULL, 0, "the findings as JSON, one array of objects", 0},
	{"self-test", 'S', NULL, OPTION_HIDDEN, NULL, 0},
	{0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct input *input = state->input;

	(void)value;
	switch (key) {
	case 'j':
		input->json = true;
		return 0;
	case 'S':
		input->self_test = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Checks whether rudp works on this machine with the settings in the environment.\v"
	       "Exit code: 1 if something does not work.",
};

static void (*const checks[])(struct rudp_report *report) = {
	rudp_doctor_files,       rudp_doctor_settings, rudp_doctor_self_test,
	rudp_doctor_kernel,      rudp_doctor_network,  rudp_doctor_limits,
	rudp_doctor_confinement, rudp_doctor_engines,  rudp_doctor_machine,
};

static const char *const words[] = {
#define WORD(name, word) word,
	RUDP_VERDICTS_OF_DOCTOR(WORD)
#undef WORD
};

struct rudp_finding *rudp_report_add(struct rudp_report *report, enum rudp_doctor_verdict verdict,
				     const char *check, const char *remedy, const char *format, ...)
{
	struct rudp_finding *finding;
	va_list arguments;

	if (report->count < RUDP_FINDINGS_MAX)
		report->count++;
	finding = &report->findings[report->count - 1];
	finding->verdict = verdict;
	finding->check = check;
	snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy ? remedy : "");
	va_start(arguments, format);
	vsnprintf(finding->text, sizeof finding->text, format, arguments);
	va_end(arguments);
	/* Some texts contain the output of other programs, and go to a terminal or into JSON. */
	rudp_ss_clean(finding->text, sizeof finding->text);
	rudp_ss_clean(finding->remedy, sizeof finding->remedy);
	return finding;
}

static unsigned count_of(const struct rudp_report *report, enum rudp_doctor_verdict verdict)
{
	unsigned count = 0;

	for (unsigned i = 0; i < report->count; i++)
		count += report->findings[i].verdict == verdict;
	return count;
}

static void print_text(const struct rudp_report *report)
{
	for (unsigned i = 0; i < report->count; i++) {
		const struct rudp_finding *finding = &report->findings[i];

		printf("%-5s %-14s %s\n", words[finding->verdict], finding->check, finding->text);
		if (finding->remedy[0])
			printf("%21s-> %s\n", "", finding->remedy);
	}
	printf("\n%u ok, %u notes, %u warnings, %u failures\n", count_of(report, RUDP_DOCTOR_OK),
	       count_of(report, RUDP_DOCTOR_NOTE), count_of(report, RUDP_DOCTOR_WARN),
	       count_of(report, RUDP_DOCTOR_FAIL));
}

static bool print_json(const struct rudp_report *report)
{
	json_t *array = json_array();
	bool ok = array != NULL;

	for (unsigned i = 0; ok && i < report->count; i++) {
		const struct rudp_finding *finding = &report->findings[i];
		json_t *remedy = finding->remedy[0] ? json_string(finding->remedy) : json_null();
		json_t *o = json_pack("{s:s, s:s, s:o, s:o}", "check", finding->check, "verdict",
				      words[finding->verdict], "text", json_string(finding->text),
				      "remedy", remedy);

		ok = o && json_array_append_new(array, o) == 0;
	}
	ok = ok && rudp_json_print(array);
	json_decref(array);
	return ok;
}

int rudp_tool_doctor(int argc, char **argv)
{
	static struct rudp_report report;
	struct input input = {false, false};
	bool ok = true;

	argp_parse(&argp, argc, argv, 0, NULL, &input);
	if (input.self_test)
		return rudp_doctor_self_test_child();
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
		checks[i](&report);
	if (input.json)
		ok = print_json(&report);
	else
		print_text(&report);
	return ok && fflush(stdout) != EOF && count_of(&report, RUDP_DOCTOR_FAIL) == 0 ? 0 : 1;
}
