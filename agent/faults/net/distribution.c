/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes of delay.  Three are computed by the formulas that iproute2's tables are made
 * with (a standard normal; a Pareto of exponent 3, moved and scaled; a quarter of the one
 * and three quarters of the other), so that no file of iproute2 is needed.  A file is read
 * as root for whoever wrote the experiment: it must be a plain one, and no message ever
 * quotes what is in it.
 */
#include "impairment.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "xalloc.h"

enum { FILE_MAX = 256 * 1024 };

/* Where the normal distribution has passed the share u.  Halving is slow and exact. */
static double
normal_quantile(double u)
{
	double low = -10, high = 10;

	for (int i = 0; i < 60; i++) {
		double middle = (low + high) / 2;

		if (0.5 * erfc(-middle / M_SQRT2) < u)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Cut off where a table ends, also as a part of a sum. */
static double
pareto_quantile(double u)
{
	double q = (pow(1 - u, -1.0 / 3) - 1.5) * 4 / 3;

	return fmin(q, (double)INT16_MAX / DISTRIBUTION_SCALE);
}

static double
paretonormal_quantile(double u)
{
	return 0.25 * normal_quantile(u) + 0.75 * pareto_quantile(u);
}

static const struct shape {
	const char *name;
	double (*quantile)(double u);
} shapes[] = {
	{ "normal", normal_quantile },
	{ "pareto", pareto_quantile },
	{ "paretonormal", paretonormal_quantile },
};

static void
compute(struct distribution *d, const struct shape *s)
{
	d->count = DISTRIBUTION_SIZE;
	for (size_t i = 0; i < d->count; i++) {
		double u = ((double)i + 0.5) / (double)d->count;
		double q = rint(s->quantile(u) * DISTRIBUTION_SCALE);

		d->quantile[i] = (int16_t)fmax(INT16_MIN, fmin(INT16_MAX, q));
	}
}

static int
open_table(const char *path, struct err *e)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	struct stat st;
	_cleanup_close_ int fd =
	    (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd < 0 && errno == ELOOP)
		return err_set(e, -ELOOP,
		    "'%s' leads through a symbolic link: name the file itself", path);
	if (fd < 0)
		return err_errno(e, "open distribution table '%s'", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_invalid(e, "'%s' is not a plain file", path);
	if (st.st_size > FILE_MAX)
		return err_invalid(e, "'%s' is too large for a distribution table", path);
	return steal_fd(&fd);
}

/* -EIO when there is more than the file had when it was opened. */
static ssize_t
read_table(int fd, char *buf, size_t size)
{
	size_t used = 0;
	ssize_t got;

	while ((got = read(fd, buf + used, size - used)) > 0)
		used += (size_t)got;
	if (got < 0)
		return -errno;
	return used == size ? -EIO : (ssize_t)used;
}

/* One number of up to five digits at *at, which moves behind it. */
static bool
take_number(const char **at, int16_t *ret)
{
	const char *p = *at;
	bool is_negative = *p == '-';
	int v = 0, digits = 0;

	for (p += is_negative; isdigit((unsigned char)*p) && digits < 6; p++, digits++)
		v = v * 10 + (*p - '0');
	v = is_negative ? -v : v;
	if (digits == 0 || (*p != '\0' && strchr(" \t\r\n", *p) == NULL) ||
	    v < INT16_MIN || v > INT16_MAX)
		return false;
	*ret = (int16_t)v;
	*at = p;
	return true;
}

/* "# comment" lines, and numbers between white space. */
static int
parse_table(struct distribution *d, const char *text, const char *path, struct err *e)
{
	size_t line = 1;
	bool starts_line = true;

	for (const char *p = text; *p != '\0';) {
		if (starts_line && *p == '#') {
			p += strcspn(p, "\n");
		} else if (strchr(" \t\r\n", *p) != NULL) {
			starts_line = *p == '\n';
			line += starts_line;
			p++;
		} else if (d->count == DISTRIBUTION_MAX) {
			return err_invalid(
			    e, "'%s' has more than %d numbers", path, DISTRIBUTION_MAX);
		} else if (!take_number(&p, &d->quantile[d->count++])) {
			return err_invalid(e,
			    "'%s', line %zu: not a number from -32768 to 32767", path,
			    line);
		} else {
			starts_line = false;
		}
	}
	return d->count > 0 ? 0 : err_invalid(e, "'%s' has no numbers", path);
}

static int
load_file(struct distribution *d, const char *path, struct err *e)
{
	_cleanup_free_ char *text = xcalloc(1, FILE_MAX + 2);
	_cleanup_close_ int fd = open_table(path, e);
	ssize_t len;

	if (fd < 0)
		return e->code;
	len = read_table(fd, text, FILE_MAX + 1);
	if (len < 0)
		return err_set(e, (int)len, "read distribution table '%s': %s", path,
		    strerror((int)-len));
	if (strlen(text) != (size_t)len)
		return err_invalid(e, "'%s' is not text", path);
	return parse_table(d, text, path, e);
}

int
distribution_load(const char *name, struct distribution **ret, struct err *e)
{
	_cleanup_free_ struct distribution *d = xcalloc(1, sizeof(*d));

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		if (strcmp(name, shapes[i].name) == 0)
			compute(d, &shapes[i]);
	if (d->count == 0 && name[0] != '/')
		return err_invalid(e,
		    "'%s' is no distribution: normal, pareto, paretonormal, or the path "
		    "of a table",
		    name);
	if (d->count == 0 && load_file(d, name, e) < 0)
		return e->code;
	*ret = steal_ptr(&d);
	return 0;
}
