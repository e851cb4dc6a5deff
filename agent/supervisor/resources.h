/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESOURCES_H
#define RESOURCES_H
/*
 * What a fault needs for itself alone, as names: "cpu-3", "disk.fill-8:1", or
 * "same-<hash>" for a fault that composes with others but not with its own double.  Reads
 * the mount table and the list of CPUs; never the disk itself, which may hang.
 */
#include "spec.h"
#include <stdbool.h>

struct err;

#define RESOURCE_NAME_MAX 32

/* Call fn for each name until it fails; its code, or 0. */
int resources_each(const struct spec *s,
    int (*fn)(void *ctx, const char *resource, struct err *e), void *ctx, struct err *e);
/* Do two faults need one resource? */
bool resources_shared(const struct spec *a, const struct spec *b);
/* Expand "0,2-3" into a set of CPUs: how many were set, or -EINVAL. */
#define CPUS_MAX 4096
int resources_cpus(const char *list, unsigned char ret_set[static CPUS_MAX / 8]);
/* "8:1" of the mount that holds `path`, from a mount table's text; -ENOENT if none. */
int resources_device(const char *mountinfo, const char *path, char *ret, size_t size);

#endif
