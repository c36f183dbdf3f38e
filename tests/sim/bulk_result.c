/* SPDX-License-Identifier: MIT */
#include "bulk.h"

double bulk_part_of_ideal(const struct bulk_config *config, const struct bulk_result *result)
{
	const struct bulk_flow_result *flow = &result->flows[0];
	double span_s = (double)(config->end_at_ns - flow->established_at_ns) / 1e9;

	return (double)flow->delivered_bytes * 8 / span_s / flow->ideal_bits_per_s;
}

double bulk_wire_by_payload(const struct bulk_flow_result *flow)
{
	return (double)flow->wire_bytes / (double)flow->delivered_bytes;
}

double bulk_jain(const struct bulk_config *config, const struct bulk_result *result)
{
	double sum = 0, squares = 0;

	for (uint32_t i = 0; i < config->flow_count; i++) {
		double bytes = (double)result->flows[i].measured_bytes;

		sum += bytes;
		squares += bytes * bytes;
	}
	return sum * sum / ((double)config->flow_count * squares);
}

double bulk_share_of_first(const struct bulk_config *config, const struct bulk_result *result)
{
	double sum = 0;

	for (uint32_t i = 0; i < config->flow_count; i++)
		sum += (double)result->flows[i].measured_bytes;
	return (double)result->flows[0].measured_bytes / sum;
}
