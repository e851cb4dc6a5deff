/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of any size, such as what a metric is compared with.  Their shape is checked by
 * hand, since strtod would take blanks, hexadecimal, "inf" and "nan".
 */
#include "err.h"
#include "parse.h"
#include "quote.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool
skip_digits(const char **s)
{
	size_t len = strspn(*s, "0123456789");

	*s += len;
	return len > 0;
}

static bool
is_number(const char *s)
{
	s += *s == '-';
	if (!skip_digits(&s) || (*s == '.' && (s++, !skip_digits(&s))))
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!skip_digits(&s))
			return false;
	}
	return *s == '\0';
}

int
parse_number(const char *s, double *ret, struct err *e)
{
	double v = is_number(s) ? strtod(s, NULL) : 0;

	if (!is_number(s))
		return err_invalid(
		    e, "'%s' is not a number: write 5, 0.05 or 1.5e9", quote(s).text);
	if (!isfinite(v))
		return err_invalid(e, "'%s' is too large a number", quote(s).text);
	*ret = v;
	return 0;
}
