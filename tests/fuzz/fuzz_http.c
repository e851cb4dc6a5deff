/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's HTTP reader.  How the network cuts the bytes must make no difference: given
 * whole, or one at a time, the same answers come out and it ends in the same way.
 */
#include "fuzz.h"
#include "http_reader.h"

struct reading {
	unsigned answers;
	uint64_t sum; /* of what was handed out */
	bool is_refused;
};

static void
mix(struct reading *o, uint64_t value)
{
	o->sum = (o->sum ^ value) * UINT64_C(0x100000001b3);
}

static void
take_answers(struct http_reader *r, struct reading *o)
{
	struct http_response a;
	struct err e = { 0 };
	int rc;

	while ((rc = http_reader_next(r, &a, &e)) > 0) {
		MUST(a.status >= 200 && a.status <= 599);
		MUST(a.body >= r->buf && a.body + a.body_len <= r->buf + r->used);
		mix(o, a.status);
		for (size_t i = 0; i < a.body_len; i++)
			mix(o, (uint8_t)a.body[i]);
		o->answers++;
	}
	o->is_refused = rc < 0;
	if (rc < 0)
		fuzz_refused(rc, &e);
}

static struct reading
read_in_steps(const uint8_t *data, size_t size, size_t step)
{
	struct http_reader r = { 0 };
	struct reading o = { 0 };
	struct err e = { 0 };

	for (size_t at = 0; at < size && !o.is_refused; at += step) {
		MUST(http_reader_add(
			 &r, data + at, size - at < step ? size - at : step, &e) == 0);
		take_answers(&r, &o);
	}
	http_reader_release(&r);
	return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading whole = read_in_steps(data, size, size + 1);
	struct reading bytes = read_in_steps(data, size, 1);

	MUST(whole.answers == bytes.answers && whole.sum == bytes.sum);
	MUST(whole.is_refused == bytes.is_refused);
	return 0;
}
