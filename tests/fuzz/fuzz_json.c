/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON from the other side, as each of our structs.  What was taken is written again, and
 * reading that gives the same; a spec that was taken is one that root will take.
 */
#include "fuzz.h"
#include "spec_json.h"

/* One struct both ways: read, write, read, write; the two texts are the same. */
#define BOTH_WAYS(type, from, to)              \
 static void both_ways_##type(const json_t *j) \
 {                                             \
  static struct type a, b;                     \
  struct err e = { 0 };                        \
  int rc = from(j, &a, &e);                    \
  json_t *once, *twice;                        \
  if (rc != 0) {                               \
   fuzz_refused(rc, &e);                       \
   return;                                     \
  }                                            \
  once = to(&a);                               \
  rc = from(once, &b, &e);                     \
  if (rc != 0)                                 \
   (void)fprintf(stderr, "%s\n", e.msg);       \
  MUST(rc == 0);                               \
  twice = to(&b);                              \
  MUST(json_equal(once, twice));               \
  json_decref(once);                           \
  json_decref(twice);                          \
  done_##type(&a);                             \
  done_##type(&b);                             \
 }

static void
done_spec(struct spec *s)
{
	struct err e = { 0 };

	MUST(spec_verify(s, &e) == 0);
}

static void
done_arm_request(struct arm_request *r)
{
	MUST(r->count >= 1 && r->count <= DRILL_FAULTS_MAX);
	for (size_t i = 0; i < r->count; i++)
		done_spec(&r->faults[i]);
	arm_request_release(r);
}

static json_t *
fault_to_json(const struct fault_status *f)
{
	return fault_status_to_json(f, f->summary);
}

#define done_fault_status(s) MUST((s)->state < FAULT_STATES)
#define done_drill_status(s) MUST((s)->cause < UNDO_CAUSES)
#define done_agent_status(s) MUST(memchr((s)->version, 0, sizeof((s)->version)) != NULL)
BOTH_WAYS(spec, spec_from_json, spec_to_json)
BOTH_WAYS(arm_request, arm_request_from_json, arm_request_to_json)
BOTH_WAYS(fault_status, fault_status_from_json, fault_to_json)
BOTH_WAYS(drill_status, drill_status_from_json, drill_status_to_json)
BOTH_WAYS(agent_status, agent_status_from_json, agent_status_to_json)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *j = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct err said = { 0 };

	if (j == NULL)
		return 0;
	both_ways_spec(j);
	both_ways_arm_request(j);
	both_ways_fault_status(j);
	both_ways_drill_status(j);
	both_ways_agent_status(j);
	if (err_from_json(j, &said) == 0)
		MUST(fuzz_is_printable(said.msg) && said.outcome < OUTCOMES);
	json_decref(j);
	return 0;
}
