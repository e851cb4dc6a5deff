/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy file.  A refusal names the line; a policy that was taken can be asked, and its
 * lists are such as a holder takes them.
 */
#include "cleanup.h"
#include "fuzz.h"
#include "kind.h"
#include "policy.h"

static void
is_list(const char *list, size_t size)
{
	size_t at = 0;

	while (at < size && list[at] != '\0')
		at += strnlen(list + at, size - at) + 1;
	MUST(at < size);
}

static void
ask(const struct policy *p)
{
	static struct spec s;

	FOR_EACH_KIND(k) {
		struct err e = { 0 };
		int rc;

		spec_init(&s, *k);
		s.duration = UINT32_MAX;
		rc = policy_check(p, &s, &e);
		if (rc != 0)
			fuzz_refused(rc, &e);
		MUST(rc == 0 || e.outcome == OUTCOME_REFUSED);
	}
	MUST(policy_is_operator(p, 0));
	(void)policy_caps(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct policy p = { .path = "policy", .has_file = true, .max_faults = 1 };
	struct err e = { 0 };
	int rc = policy_parse(text, &p, &e);

	if (rc != 0) {
		fuzz_refused(rc, &e);
		MUST(e.outcome == OUTCOME_INVALID && strncmp(e.msg, "policy:", 7) == 0);
		return 0;
	}
	is_list(p.protect.processes, sizeof(p.protect.processes));
	is_list(p.protect.paths, sizeof(p.protect.paths));
	is_list(p.protect.interfaces, sizeof(p.protect.interfaces));
	MUST(p.max_faults >= 1 && p.max_faults <= FAULTS_MAX);
	ask(&p);
	return 0;
}
