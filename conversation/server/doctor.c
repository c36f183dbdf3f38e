/* SPDX-License-Identifier: MIT */
#include "conversation/server/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "conversation/server/admin.h"
#include "conversation/server/bus_connection.h"
#include "conversation/server/config_dry_run.h"
#include "conversation/server/service.h"
#include "conversation/server/tls.h"

#define DAY_S (24 * 3600)
#define RENEW_S (14 * DAY_S) /* a certificate that ends sooner should have been renewed */
#define LINE_BYTES 1024

/* A part of the trial start (config_dry_run.h), whose lines begin with its name. */
struct area {
	const char *name, *advice;
	bool is_configured, has_finding;
};

enum { LOG, METRICS, LISTEN, PEERS, ACCOUNTS, AREAS };

struct doctor {
	unsigned problems, warnings;
	struct area areas[AREAS];
};

static void tell_fine(const char *what)
{
	printf("ok       %s\n", what);
}

static void tell_problem(struct doctor *doctor, const char *what, const char *advice)
{
	printf("PROBLEM  %s\n         do: %s\n", what, advice);
	doctor->problems++;
}

static void tell_warning(struct doctor *doctor, const char *what, const char *advice)
{
	printf("warning  %s\n         do: %s\n", what, advice);
	doctor->warnings++;
}

/* ---- the configuration, and the trial start ---- */

static void on_wrong_line(void *of, const char *line)
{
	tell_problem(of, line, "correct the file; apollonion.conf(5) describes each key");
}

static struct area *area_of(struct doctor *doctor, const char *line)
{
	unsigned i = 0;

	while (i < AREAS - 1 &&
	       strncmp(line, doctor->areas[i].name, strlen(doctor->areas[i].name)) != 0)
		i++;
	doctor->areas[i].has_finding = true;
	return &doctor->areas[i];
}

static void on_failed_trial(void *of, const char *line)
{
	struct area *area = area_of(of, line);

	tell_problem(of, line, area->advice);
}

static void on_busy_address(void *of, const char *line)
{
	area_of(of, line);
	tell_warning(of, line,
		     "nothing if this server is running; else end the other program, or choose "
		     "another address");
}

static void try_start(struct doctor *doctor, const struct apo_config *config)
{
	const struct area areas[AREAS] = {
		[LOG] = {"server: log", "let the server's user write the file and its directory",
			 config->log_file != NULL, false},
		[METRICS] = {"server: metrics",
			     "let the server's user write the directory, and remove what lies "
			     "there; or choose an address of this machine",
			     config->metrics_path != NULL, false},
		[LISTEN] = {"listen",
			    "choose an address of this machine; a port below 1024 needs "
			    "CAP_NET_BIND_SERVICE",
			    config->listen_count > 0, false},
		[PEERS] = {"peers", "choose another port", config->peers_port != 0, false},
		[ACCOUNTS] = {"accounts",
			      "let the server's user read and write the file and its directory; "
			      "restore a damaged file with --import",
			      config->accounts_file != NULL, false}};
	unsigned i;

	memcpy(doctor->areas, areas, sizeof areas);
	(void)apo_config_dry_run(config, on_failed_trial, on_busy_address, doctor);
	for (i = 0; i < AREAS; i++)
		if (doctor->areas[i].is_configured && !doctor->areas[i].has_finding)
			tell_fine(areas[i].name);
}

/* The passwords in it are hashes, but there are the messages, too. */
static void examine_rights(struct doctor *doctor, const char *file)
{
	char line[LINE_BYTES];
	struct stat there;

	if (!file || stat(file, &there) < 0 || !(there.st_mode & S_IRWXO))
		return;
	snprintf(line, sizeof line, "accounts: other users may read or write %s (mode %03o)", file,
		 (unsigned)there.st_mode & 0777);
	tell_problem(doctor, line, "chmod 600");
}

/* ---- TLS ---- */

/* Key and certificate fit, and the key is private: else the configuration is not valid. */
static void examine_tls(struct doctor *doctor, const struct apo_config *config)
{
	char line[LINE_BYTES], reason[256];
	apo_tls_context *context;
	int64_t left_s = 0;
	bool has_begun = true;

	if (!config->certificate_file)
		return;
	context = apo_tls_context_new(config->certificate_file, config->key_file, reason,
				      sizeof reason);
	if (!context || !apo_tls_context_validity(context, &has_begun, &left_s)) {
		tell_problem(doctor, "tls: the certificate cannot be read", "issue it again");
		apo_tls_context_put(context);
		return;
	}
	apo_tls_context_put(context);
	snprintf(line, sizeof line, "tls: certificate %s ends in %lld days",
		 config->certificate_file, (long long)(left_s / DAY_S));
	if (left_s <= 0)
		tell_problem(doctor, "tls: the certificate has ended",
			     "renew it; SIGHUP makes a running server read it");
	else if (!has_begun)
		tell_problem(doctor, "tls: the certificate is not valid yet",
			     "set the clock, or issue the certificate again");
	else if (left_s < RENEW_S)
		tell_warning(doctor, line, "renew it; SIGHUP makes a running server read it");
	else
		tell_fine(line);
}

/* ---- descriptors ---- */

static void examine_descriptors(struct doctor *doctor, const struct apo_config *config)
{
	unsigned long long wanted = apo_service_descriptors(config);
	struct rlimit limit;
	char line[LINE_BYTES];

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	snprintf(line, sizeof line, "descriptors: the limit is %llu, %llu are needed",
		 (unsigned long long)limit.rlim_max, wanted);
	if (limit.rlim_max < wanted)
		tell_warning(doctor, line,
			     "raise it (LimitNOFILE in the unit, ulimit -Hn), or lower clients in "
			     "[limits]; this is the limit of who asks, not of the service");
	else
		tell_fine(line);
}

/* ---- the cluster ---- */

static void examine_bus(struct doctor *doctor, const struct apo_config *config, const char *url)
{
	const char *host = strrchr(url, '@') ? strrchr(url, '@') + 1 : url; /* without a password */
	char line[LINE_BYTES], reason[256];

	if (apo_bus_try(config, url, reason, sizeof reason)) {
		snprintf(line, sizeof line, "cluster: %s can be reached, with JetStream", host);
		tell_fine(line);
		return;
	}
	snprintf(line, sizeof line, "cluster: %s: %s", host, reason);
	tell_problem(doctor, line,
		     "start nats-server there with jetstream, and compare address, certificate and "
		     "credentials with [cluster]");
}

static void examine_cluster(struct doctor *doctor, const struct apo_config *config)
{
	char *copy = config->cluster_servers ? strdup(config->cluster_servers) : NULL;
	char *rest = copy, *url;

	while (rest && (url = strsep(&rest, ", ")))
		if (*url)
			examine_bus(doctor, config, url);
	free(copy);
}

int apo_doctor(const char *config_file)
{
	struct doctor doctor = {.problems = 0};
	struct apo_config *config = apo_config_read(config_file, on_wrong_line, &doctor);
	char line[LINE_BYTES];

	if (config) {
		snprintf(line, sizeof line, "configuration %s", config_file);
		tell_fine(line);
		try_start(&doctor, config);
		examine_rights(&doctor, config->accounts_file);
		examine_tls(&doctor, config);
		examine_descriptors(&doctor, config);
		examine_cluster(&doctor, config);
		apo_config_put(config);
	}
	printf("%u problems, %u warnings\n", doctor.problems, doctor.warnings);
	return doctor.problems ? APO_EXIT_FAILED : APO_EXIT_FINE;
}
