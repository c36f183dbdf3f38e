/* SPDX-License-Identifier: MIT */
/* The confinement and limits of the running engines, as they report them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/start_limits.h"
#include "doctor.h"
#include "engine/config/known_hosts.h"
#include "engine/confine/confine.h"
#include "ss.h"

#define ENGINES_SHOWN_MAX 8
#define CHANGES_SHOWN_MAX 4

static const char *why_not_files(int error)
{
	switch (error) {
	case ENOSYS:
		return "this kernel has no Landlock (it needs Linux 5.13)";
	case EOPNOTSUPP:
		return "Landlock is not enabled in this kernel";
	default:
		return strerror(error);
	}
}

static const char *why_not_calls(int error)
{
	return error == EOPNOTSUPP ? "this engine is built with a sanitizer" : strerror(error);
}

static void add_reasons(const struct rudp_control_engine *engine, char *text, size_t size)
{
	size_t len = 0;

	text[0] = 0;
	if (engine->files_error)
		len = (size_t)snprintf(text, size, "; files: %s",
				       why_not_files(engine->files_error));
	if (engine->calls_error && len < size)
		snprintf(text + len, size - len, "; system calls: %s",
			 why_not_calls(engine->calls_error));
}

static void add_missing(struct rudp_report *report, const struct rudp_control_engine *engine)
{
	char has[RUDP_CONFINE_TEXT_SIZE], lacks[RUDP_CONFINE_TEXT_SIZE], reasons[160];
	const char *remedy = engine->files_error == EOPNOTSUPP
				     ? "add landlock to lsm= on the kernel's command line"
				     : NULL;

	add_reasons(engine, reasons, sizeof reasons);
	rudp_report_add(report, RUDP_DOCTOR_WARN, "confinement", remedy,
			"engine %u is confined (%s), but not: %s%s", engine->pid,
			rudp_confine_list(engine->confined, true, has),
			rudp_confine_list(engine->confined, false, lacks), reasons);
}

static void check_files(struct rudp_report *report, const struct rudp_control_engine *engine)
{
	if (engine->files_max && engine->files_max < RUDP_FILES_FEW)
		rudp_report_add(report, RUDP_DOCTOR_WARN, "engine-limit",
				"raise the limit of the program that started it (ulimit -Hn, "
				"LimitNOFILE=), and restart it",
				"engine %u may open only %u descriptors, one for each connection",
				engine->pid, engine->files_max);
}

void rudp_doctor_engine(struct rudp_report *report, const struct rudp_control_engine *engine)
{
	const uint32_t all = RUDP_CONFINE_BIT(RUDP_CONFINE_COUNT) - 1;
	char text[RUDP_CONFINE_TEXT_SIZE];

	check_files(report, engine);
	if (!(engine->confined & RUDP_CONFINE_KNOWN))
		rudp_report_add(report, RUDP_DOCTOR_NOTE, "confinement", NULL,
				"engine %u is not confined: it is a thread of a program "
				"(RUDP_ENGINE=thread), or is older than this command",
				engine->pid);
	else if (engine->confined & RUDP_CONFINE_OFF)
		rudp_report_add(report, RUDP_DOCTOR_WARN, "confinement",
				"unset RUDP_CONFINE   # then restart the programs",
				"engine %u is not confined: RUDP_CONFINE=off", engine->pid);
	else if ((engine->confined & all) == all)
		rudp_report_add(report, RUDP_DOCTOR_OK, "confinement", NULL,
				"engine %u is confined: %s", engine->pid,
				rudp_confine_list(engine->confined, true, text));
	else
		add_missing(report, engine);
}

/* Hosts whose connections were refused lately, as they have another key than the known hosts. */
static void check_changed_keys(struct rudp_report *report)
{
	char text[RUDP_SS_CHANGE_SIZE], host[RUDP_HOST_TEXT_SIZE], remedy[RUDP_FINDING_TEXT_SIZE];
	struct rudp_ss_list list;
	struct rudp_addr remote;
	unsigned shown = 0;

	if (rudp_ss_collect_failed(&list) < 0)
		list.failure_count = 0;
	for (size_t i = list.failure_count; i-- > 0 && shown < CHANGES_SHOWN_MAX;) {
		const struct rudp_ss_failure *failure = &list.failures[i];

		if (!rudp_ss_key_has_changed(&failure->figures, text))
			continue;
		remote = failure->remote;
		rudp_addr_set_port(&remote, 0);
		rudp_known_hosts_format(&remote, host);
		snprintf(remedy, sizeof remedy, "rudp key forget %s; rudp key enroll %s", host,
			 host);
		rudp_report_add(report, RUDP_DOCTOR_WARN, "known-hosts", remedy,
				"connections of %s to %s port %u are refused: %s. If its owner "
				"has changed it:",
				failure->figures.program, host, rudp_addr_port(&failure->remote),
				text);
		shown++;
	}
	rudp_ss_list_fini(&list);
}

void rudp_doctor_engines(struct rudp_report *report)
{
	struct rudp_ss_list list;

	if (rudp_ss_collect(&list) == 0) {
		for (size_t i = 0; i < list.engines && i < ENGINES_SHOWN_MAX; i++)
			rudp_doctor_engine(report, &list.engine_stats[i]);
		if (list.engines == 0)
			rudp_report_add(report, RUDP_DOCTOR_NOTE, "confinement", NULL,
					"no engine that you may ask is running");
	}
	rudp_ss_list_fini(&list);
	check_changed_keys(report);
}
