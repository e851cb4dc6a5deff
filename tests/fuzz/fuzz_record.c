/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record, and a shared record's one line.  Whatever is obeyed names nothing but what the
 * fault of that record has made, and can be written down again as it is.
 */
#include "cleanup.h"
#include "fuzz.h"
#include "record.h"
#include "undo_table.h"

static void
shared_line(const char *text)
{
	struct err e = { 0 };
	struct undo u;
	char line[512];
	int rc = undo_parse(text, NULL, &u, &e);

	if (rc < 0) {
		fuzz_refused(rc, &e);
		return;
	}
	MUST(undo_beat(u.op) == BEAT_SHARED && undo_is_valid(&u, NULL));
	MUST(undo_format(&u, line, sizeof(line)) > 0 && strcmp(line, text) == 0);
	MUST(undo_describe(&u, line, sizeof(line))[0] != '\0');
}

static void
whole_record(const char *text)
{
	static char written[RECORD_TEXT_MAX], twice[RECORD_TEXT_MAX];
	struct record r, again;
	struct err e = { 0 };
	int rc = record_parse(text, &r, &e);

	if (rc < 0) {
		fuzz_refused(rc, &e);
		return;
	}
	MUST(is_fault_id(r.fault) && r.holder.pid > 1);
	for (size_t i = 0; i < r.undo.count; i++) {
		MUST(undo_beat(r.undo.op[i].op) != BEAT_SHARED);
		MUST(undo_is_valid(&r.undo.op[i], r.fault));
	}
	MUST(record_format(&r, written, sizeof(written), &e) > 0);
	MUST(record_parse(written, &again, &e) == 0);
	MUST(record_format(&again, twice, sizeof(twice), &e) > 0);
	MUST(strcmp(written, twice) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);

	shared_line(text);
	whole_record(text);
	return 0;
}
