/* SPDX-License-Identifier: MIT */
/*
 * doctor - examines what a server with a configuration needs, and says what to do about what is
 * wrong: the file itself, addresses, files and their rights, TLS, descriptors, and the NATS servers
 * of a cluster.
 *
 * It changes nothing, and also works beside a running server.
 */
#ifndef APO_SERVER_DOCTOR_H
#define APO_SERVER_DOCTOR_H

/* Prints the findings. Returns the exit status of the program: APO_EXIT_FAILED if something would
 * prevent a start, or is wrong already. */
int apo_doctor(const char *config_file);

#endif
