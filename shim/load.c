/* SPDX-License-Identifier: MIT */
#include "api/environment.h"

/* All that loading the shim does. */
__attribute__((constructor)) static void on_load(void)
{
	rudp_environment_remember();
}
