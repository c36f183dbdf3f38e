/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "../../tools/doctor.h"
#include "engine/confine/confine.h"

#define ALL (RUDP_CONFINE_BIT(RUDP_CONFINE_COUNT) - 1)

static struct rudp_report report;

static const struct rudp_finding *finding_of(uint32_t confined, int files_error)
{
	const struct rudp_control_engine engine = {
		.pid = 7, .confined = confined, .files_error = files_error};

	report.count = 0;
	rudp_doctor_engine(&report, &engine);
	return &report.findings[0];
}

Test(doctor, an_engine_that_has_given_up_everything_is_ok)
{
	const struct rudp_finding *finding = finding_of(RUDP_CONFINE_KNOWN | ALL, 0);

	cr_assert(eq(int, finding->verdict, RUDP_DOCTOR_OK));
	cr_assert(eq(str, (char *)finding->check, "confinement"));
	cr_assert(eq(
		str, (char *)finding->text,
		"engine 7 is confined: no_new_privs, not dumpable, capabilities, files (Landlock), "
		"system calls (seccomp)"));
}

Test(doctor, an_older_kernel_is_named_as_the_reason)
{
	const uint32_t files = RUDP_CONFINE_BIT(RUDP_CONFINE_FILES);
	const struct rudp_finding *finding =
		finding_of(RUDP_CONFINE_KNOWN | (ALL & ~files), ENOSYS);

	cr_assert(eq(int, finding->verdict, RUDP_DOCTOR_WARN));
	cr_assert(ne(ptr,
		     strstr(finding->text, "but not: files (Landlock); files: this kernel has no "
					   "Landlock (it needs Linux 5.13)"),
		     NULL));
	finding = finding_of(RUDP_CONFINE_KNOWN | (ALL & ~files), EOPNOTSUPP);
	cr_assert(eq(str, (char *)finding->remedy,
		     "add landlock to lsm= on the kernel's command line"));
}

Test(doctor, an_engine_with_few_descriptors_is_named)
{
	struct rudp_control_engine engine = {
		.pid = 7, .confined = RUDP_CONFINE_KNOWN | ALL, .files_max = 64};

	report.count = 0;
	rudp_doctor_engine(&report, &engine);
	cr_assert(eq(int, report.findings[0].verdict, RUDP_DOCTOR_WARN));
	cr_assert(eq(str, (char *)report.findings[0].text,
		     "engine 7 may open only 64 descriptors, one for each connection"));
	engine.files_max = 20000;
	report.count = 0;
	rudp_doctor_engine(&report, &engine);
	cr_assert(eq(str, (char *)report.findings[0].check, "confinement"));
}

Test(doctor, an_engine_that_is_not_confined_is_named)
{
	cr_assert(eq(int, finding_of(RUDP_CONFINE_KNOWN | RUDP_CONFINE_OFF, 0)->verdict,
		     RUDP_DOCTOR_WARN));
	cr_assert(ne(ptr, strstr(report.findings[0].text, "RUDP_CONFINE=off"), NULL));
	cr_assert(eq(int, finding_of(0, 0)->verdict, RUDP_DOCTOR_NOTE));
	cr_assert(ne(ptr, strstr(report.findings[0].text, "RUDP_ENGINE=thread"), NULL));
}

/* A rule that is wrong is quoted, and file names may hold any byte. */
Test(doctor, control_characters_do_not_reach_the_terminal)
{
	const struct rudp_finding *finding;

	report.count = 0;
	finding = rudp_report_add(&report, RUDP_DOCTOR_FAIL, "settings", "rm a\033[2Jb", "%s",
				  "line 1\r\033]0;x\a");
	cr_assert(eq(str, (char *)finding->text, "line 1??]0;x?"));
	cr_assert(eq(str, (char *)finding->remedy, "rm a?[2Jb"));
}
