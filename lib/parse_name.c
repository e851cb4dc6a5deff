/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: identities, interfaces, signals.  Strict because some become a path or the name
 * of a kernel object.
 */
#include "err.h"
#include "ident.h"
#include "parse.h"
#include "quote.h"
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_LEN_MAX   63
#define DOMAIN_LEN_MAX 253
#define LABEL_LEN_MAX  63

int
parse_uuid(const char *s, struct err *e)
{
	bool is_good = strlen(s) == UUID_LEN - 1;

	for (size_t i = 0; is_good && i < UUID_LEN - 1; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23)
			is_good = s[i] == '-';
		else
			is_good =
			    (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');
	}
	if (!is_good)
		return err_invalid(e, "'%s' is not a UUID in lower case", quote(s).text);
	return 0;
}

int
parse_name(const char *s, struct err *e)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(s);

	if (len == 0)
		return err_invalid(e, "a name must not be empty");
	if (len > NAME_LEN_MAX)
		return err_invalid(e, "'%s' is too long a name: at most %d characters",
		    quote(s).text, NAME_LEN_MAX);
	if (strspn(s, allowed) != len || s[0] == '.' || s[0] == '-')
		return err_invalid(e,
		    "'%s' is not a name: letters, digits, '.', '_' and '-', not starting "
		    "with '.' or '-'",
		    quote(s).text);
	return 0;
}

/* Its form only: DNS itself would allow any byte in a label, but nobody means that. */
int
parse_domain(const char *s, struct err *e)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *rest = strncmp(s, "*.", 2) == 0 ? s + 2 : s;

	if (strlen(rest) > DOMAIN_LEN_MAX)
		return err_invalid(e, "'%s' is too long for DNS: at most %d characters",
		    quote(s).text, DOMAIN_LEN_MAX);
	for (;;) {
		size_t len = strspn(rest, allowed);

		if (len == 0 || len > LABEL_LEN_MAX ||
		    (rest[len] != '.' && rest[len] != '\0'))
			return err_invalid(e,
			    "'%s' is not a name in DNS: write www.example.com, or "
			    "*.example.com for all below it",
			    quote(s).text);
		if (rest[len] == '\0')
			return 0;
		rest += len + 1;
	}
}

int
parse_ifname(const char *s, char ret_name[static 16], struct err *e)
{
	size_t len = strlen(s);
	bool is_good = len > 0 && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;

	if (len > 15)
		return err_invalid(e,
		    "'%s' is too long for an interface: at most 15 bytes", quote(s).text);
	/* As dev_valid_name() of the kernel, and nothing that garbles a terminal. */
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || s[i] == '/' ||
		    s[i] == ':')
			is_good = false;
	}
	if (!is_good)
		return err_invalid(e, "'%s' is not an interface name", quote(s).text);
	memcpy(ret_name, s, len + 1);
	return 0;
}

/* Names people know that are not the kernel's first choice. */
static const struct {
	const char *name;
	int number;
} signal_aliases[] = { { "IO", SIGIO }, { "IOT", SIGABRT }, { "CLD", SIGCHLD } };

static int
signal_by_name(const char *name)
{
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (int i = 1; i < 32; i++) {
		const char *known = sigabbrev_np(i);
		if (known != NULL && strcmp(name, known) == 0)
			return i;
	}
	for (size_t i = 0; i < sizeof(signal_aliases) / sizeof(signal_aliases[0]); i++) {
		if (strcmp(name, signal_aliases[i].name) == 0)
			return signal_aliases[i].number;
	}
	return 0;
}

int
parse_signal(const char *s, int *ret, struct err *e)
{
	int number = signal_by_name(s);
	uint64_t v;

	if (number == 0 && s[0] >= '0' && s[0] <= '9' && parse_u64(s, &v, NULL) == 0 &&
	    v <= 64)
		number = (int)v;
	if (number == 32 || number == 33)
		return err_invalid(
		    e, "signal %d belongs to the C library's threads", number);
	if (number == 0)
		return err_invalid(
		    e, "'%s' is not a signal: write KILL, SIGTERM or 9", quote(s).text);
	*ret = number;
	return 0;
}

const char *
format_signal(int signal, char *buf, size_t size)
{
	const char *name = signal > 0 && signal < 32 ? sigabbrev_np(signal) : NULL;

	if (name != NULL)
		(void)snprintf(buf, size, "%s", name);
	else
		(void)snprintf(buf, size, "%d", signal);
	return buf;
}
