/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked for, from the parameters, and as it changes with time. */
#include "impairment.h"

#include "err.h"

int
impairment_read(
    struct fault_run *r, struct impairment *ret, struct course *ret_course, struct err *e)
{
	(void)e;
	*ret = (struct impairment){ .delay = (usec_t)spec_num(r->spec, "delay"),
		.jitter = (usec_t)spec_num(r->spec, "jitter") };
	*ret_course = (struct course){ 0 };
	return 0;
}

struct impairment
impairment_at(const struct impairment *i, const struct course *c, usec_t since)
{
	(void)c;
	(void)since;
	return *i;
}

usec_t
impairment_longest(const struct impairment *i, const struct course *c)
{
	(void)c;
	return i->delay + i->jitter;
}
