/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_H
#define RECORD_H
/*
 * The written promise to undo: one readable text file per live fault (stormd-records(5)).
 *
 *	stormdrill-record 1
 *	fault 7b1c09aa
 *	drill 9f0b…  kind net.partition  …
 *	# by hand: ipset flush sd-7b1c09aa-4
 *	disarm flush-set name=sd-7b1c09aa-4
 *	sweep destroy-set name=sd-7b1c09aa-4
 *	end
 */
#include "undo.h"

struct record {
	char fault[FAULT_ID_LEN];
	char drill[UUID_LEN];
	char kind[KIND_NAME_MAX];
	char summary[200]; /* spec_describe: for the person who reads it */
	char boot_id[BOOT_ID_LEN];
	uint64_t netns; /* inode */
	struct process_id holder;
	usec_t hard_deadline;
	struct undo_list undo;
};

#define RECORD_TEXT_MAX 16384

/* Has it any operation for what a reboot does not take away?  Such a record is kept below
 * state-dir. */
bool record_outlives_boot(const struct record *r);
/* Of another boot than this one?  What cannot be told is of this one. */
bool record_is_of_earlier_boot(const struct record *r);
/* What is left of a record after a reboot. */
void record_after_boot(const struct record *r, struct undo_list *ret);

/* Length written, or -E2BIG. */
int record_format(const struct record *r, char *buf, size_t size, struct err *e);
/* Strict: unknown keys, missing "end", names that are not of our making are errors that
 * name the line.  A damaged record is never half-obeyed. */
int record_parse(const char *text, struct record *ret, struct err *e);

#endif
