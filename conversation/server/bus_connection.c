/* SPDX-License-Identifier: MIT */
#include "conversation/server/bus_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conversation/server/bus_thread.h"

#define CONNECT_MS 2000
#define RECONNECT_MS 500 /* between two attempts to reach the same server */
#define URLS_MAX 16

/* Returns the NATS server's own text if there is one: the text of a JetStream status is only
 * "Error". */
static const char *reason_of(natsStatus status)
{
	natsStatus last = NATS_OK;
	const char *text = nats_GetLastError(&last);

	return last == status && text && *text ? text : natsStatus_GetText(status);
}

bool apo_bus_has_failed(natsStatus status, const char *what)
{
	if (status != NATS_OK)
		rudp_log(RUDP_LOG_WARN, "cluster %s failed reason=\"%.200s\"", what,
			 reason_of(status));
	return status != NATS_OK;
}

static void on_disconnected(natsConnection *connection, void *of)
{
	(void)connection;
	(void)of;
	rudp_log(RUDP_LOG_WARN, "cluster disconnected from its bus");
}

static void on_reconnected(natsConnection *connection, void *of)
{
	(void)connection;
	(void)of;
	rudp_log(RUDP_LOG_INFO, "cluster connected again");
}

/* The library would print errors of subscriptions otherwise. */
static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
		     void *of)
{
	(void)connection;
	(void)subscription;
	(void)of;
	rudp_log(RUDP_LOG_WARN, "cluster error reason=\"%s\"", natsStatus_GetText(status));
}

static natsStatus set_servers(natsOptions *options, const char *list)
{
	const char *urls[URLS_MAX];
	char *copy = strdup(list), *rest = copy, *url;
	natsStatus status = copy ? NATS_OK : NATS_NO_MEMORY;
	int count = 0;

	while (copy && count < URLS_MAX && (url = strsep(&rest, ", ")))
		if (*url)
			urls[count++] = url;
	if (status == NATS_OK)
		status = natsOptions_SetServers(options, urls, count);
	free(copy);
	return status;
}

static natsStatus set_tls(natsOptions *options, const struct apo_config *config)
{
	natsStatus status = NATS_OK;

	if (!config->cluster_ca_file && !config->cluster_certificate_file)
		return NATS_OK;
	status = natsOptions_SetSecure(options, true);
	if (status == NATS_OK && config->cluster_ca_file)
		status = natsOptions_LoadCATrustedCertificates(options, config->cluster_ca_file);
	if (status == NATS_OK && config->cluster_certificate_file)
		status = natsOptions_LoadCertificatesChain(
			options, config->cluster_certificate_file, config->cluster_key_file);
	return status;
}

static natsStatus set_options(natsOptions *options, const struct apo_config *config)
{
	natsStatus status = set_servers(options, config->cluster_servers);

	if (status == NATS_OK)
		status = set_tls(options, config);
	if (status == NATS_OK && config->cluster_credentials_file)
		status = natsOptions_SetUserCredentialsFromFiles(
			options, config->cluster_credentials_file, NULL);
	if (status == NATS_OK)
		status = natsOptions_SetTimeout(options, CONNECT_MS);
	/* Without a deadline, a server that does not read blocks each call, for ever. */
	if (status == NATS_OK)
		status = natsOptions_SetWriteDeadline(options, APO_BUS_WAIT_MS);
	/* Otherwise another thread of the library is woken to send each entry. */
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(options, true);
	if (status == NATS_OK)
		status = natsOptions_SetMaxReconnect(options, -1);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectWait(options, RECONNECT_MS);
	if (status == NATS_OK)
		status = natsOptions_SetPingInterval(options, 2000);
	if (status == NATS_OK)
		status = natsOptions_SetMaxPingsOut(options, 2);
	if (status == NATS_OK)
		status = natsOptions_SetDisconnectedCB(options, on_disconnected, NULL);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectedCB(options, on_reconnected, NULL);
	if (status == NATS_OK)
		status = natsOptions_SetErrorHandler(options, on_error, NULL);
	return status;
}

bool apo_bus_connect(const struct apo_config *config, natsConnection **connection, jsCtx **js)
{
	natsOptions *options = NULL;
	natsStatus status = natsOptions_Create(&options);
	jsOptions js_options;

	if (status == NATS_OK)
		status = set_options(options, config);
	if (status == NATS_OK)
		status = natsConnection_Connect(connection, options);
	natsOptions_Destroy(options);
	if (apo_bus_has_failed(status, "connection"))
		return false;
	jsOptions_Init(&js_options);
	js_options.Wait = APO_BUS_WAIT_MS;
	return !apo_bus_has_failed(natsConnection_JetStream(js, *connection, &js_options),
				   "JetStream");
}

static natsStatus ask_for_jetstream(natsConnection *connection)
{
	jsAccountInfo *info = NULL;
	jsErrCode code;
	jsCtx *js = NULL;
	natsStatus status = natsConnection_JetStream(&js, connection, NULL);

	if (status == NATS_OK)
		status = js_GetAccountInfo(&info, js, NULL, &code);
	jsAccountInfo_Destroy(info);
	jsCtx_Destroy(js);
	return status;
}

bool apo_bus_try(const struct apo_config *config, const char *url, char *reason, size_t reason_size)
{
	natsConnection *connection = NULL;
	natsOptions *options = NULL;
	const char *what = "connection";
	natsStatus status = natsOptions_Create(&options);

	if (status == NATS_OK)
		status = set_options(options, config);
	if (status == NATS_OK)
		status = natsOptions_SetServers(options, &url, 1);
	if (status == NATS_OK) /* the end of the connection is no news here */
		status = natsOptions_SetDisconnectedCB(options, NULL, NULL);
	if (status == NATS_OK)
		status = natsConnection_Connect(&connection, options);
	if (status == NATS_OK) {
		what = "JetStream";
		status = ask_for_jetstream(connection);
	}
	natsOptions_Destroy(options);
	natsConnection_Destroy(connection);
	snprintf(reason, reason_size, "%s: %s", what, natsStatus_GetText(status));
	return status == NATS_OK;
}
