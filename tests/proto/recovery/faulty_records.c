/* SPDX-License-Identifier: MIT */
/* faulty_records - the ring of sent-packet records, with allocations that fail on demand. */
#include <stdlib.h>

#include "base/fault.h"

#define malloc fault_malloc
#include "proto/recovery/sent_records.c"
#undef malloc
