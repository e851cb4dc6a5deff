/* SPDX-License-Identifier: Apache-2.0 */
/* stormd's command line. */
#include "options.h"
#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "parse.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: stormd [-v] [--instance NAME] [--run-dir DIR] [--state-dir DIR]\n"
    "              [--host-dir DIR] [--policy FILE]\n"
    "              [--listen ADDRESS[:PORT]] [--pki DIR]\n"
    "              [--ephemeral] [--lifeline-fd N] [--ready-fd N]\n"
    "       stormd --version\n"
    "\n"
    "The root agent of stormdrill: holds faults for drills and undoes them; see stormd(8).\n";

static const char help[] =
    "\n"
    "options:\n"
    "  -v, --verbose            say more\n"
    "  --instance NAME          name of this agent (default: " INSTANCE_DEFAULT ")\n"
    "  --run-dir DIR            its socket and records (default: NAME below --host-dir)\n"
    "  --state-dir DIR          its records that outlive a reboot\n"
    "                           (default: NAME below " STATE_DIR_DEFAULT ")\n"
    "  --host-dir DIR           what agents share (default: " HOST_DIR_DEFAULT ")\n"
    "  --policy FILE            what is allowed (default: " POLICY_DEFAULT ")\n"
    "  --listen ADDRESS[:PORT]  take drills over TCP, too, with mutual TLS\n"
    "  --pki DIR                by which certificate (default: " PKI_HOST_DIR ")\n"
    "  --ephemeral              serve one controller, leave nothing behind\n"
    "  --lifeline-fd N          undo everything and end when this one closes\n"
    "  --ready-fd N             write a line to this one once requests are taken\n"
    "  --version                print the version\n"
    "  --help                   print this\n";

static int
parse_fd(const char *text, int *ret, struct err *e)
{
	uint64_t n;

	if (parse_u64(text, &n, e) != 0)
		return e->code;
	/* spawn() gives children their own 3, 4, …; ours must be open and not theirs */
	if (n > 1023 || fcntl((int)n, F_SETFD, FD_CLOEXEC) != 0)
		return err_invalid(e, "'%s' is not an open descriptor", text);
	*ret = (int)n;
	return 0;
}

/* "[v6]:port", "v6", "v4:port" and "v4" apart: a lone colon stands before a port. */
static int
split_listen(const char *text, char *ret_address, size_t size, const char **ret_port)
{
	const char *colon = strchr(text, ':');
	const char *end = text + strlen(text);

	*ret_port = NULL;
	if (text[0] == '[') {
		end = strchr(++text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return -1;
		*ret_port = end[1] == ':' ? end + 2 : NULL;
	} else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		end = colon;
		*ret_port = colon + 1;
	}
	if ((size_t)(end - text) >= size)
		return -1;
	memcpy(ret_address, text, (size_t)(end - text));
	ret_address[end - text] = '\0';
	return 0;
}

int
listen_parse(const char *text, struct listen_at *ret, struct err *e)
{
	struct listen_at l = { .port = API_PORT };
	char address[INET6_ADDRSTRLEN];
	const char *port;

	if (split_listen(text, address, sizeof(address), &port) == 0) {
		if (port != NULL && parse_port(port, &l.port, e) != 0)
			return e->code;
		if (inet_pton(AF_INET, address, &l.addr.v4.sin_addr) == 1) {
			l.addr.v4.sin_family = AF_INET;
			l.addr.v4.sin_port = htons(l.port);
			l.len = sizeof(l.addr.v4);
		} else if (inet_pton(AF_INET6, address, &l.addr.v6.sin6_addr) == 1) {
			l.addr.v6.sin6_family = AF_INET6;
			l.addr.v6.sin6_port = htons(l.port);
			l.len = sizeof(l.addr.v6);
		}
	}
	if (l.len == 0)
		return err_invalid(e,
		    "'%.60s' is not an address of this host: write 10.0.0.1, 10.0.0.1:%d, "
		    "[fd00::1]:%d, or 0.0.0.0 or :: for all of them",
		    text, API_PORT, API_PORT);
	snprintf(l.text, sizeof(l.text),
	    l.addr.any.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, l.port);
	*ret = l;
	return 0;
}

static int
set_dir(char *to, const char *option, const char *value, struct err *e)
{
	if (value[0] == '\0' || strlen(value) >= PATH_LEN_MAX)
		return err_invalid(e, "%s '%.80s' is empty or too long", option, value);
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int
set_option(struct options *o, int option, const char *value, struct err *e)
{
	switch (option) {
	case 'i':
		o->instance = value;
		return parse_name(value, e);
	case 'r':
		return set_dir(o->run_dir, "--run-dir", value, e);
	case 's':
		return set_dir(o->state_dir, "--state-dir", value, e);
	case 'h':
		o->host_dir = value;
		return 0;
	case 'p':
		o->policy = value;
		return 0;
	case 'L':
		return listen_parse(value, &o->listen, e);
	case 'k':
		o->pki = value;
		return 0;
	case 'e':
		o->is_ephemeral = true;
		return 0;
	case 'l':
		return parse_fd(value, &o->lifeline_fd, e);
	case 'f':
		return parse_fd(value, &o->ready_fd, e);
	default:
		o->is_verbose = true;
		return 0;
	}
}

/* What was not given follows from what was; paths cross to children, so they are whole. */
static int
fill_in(struct options *o, struct err *e)
{
	if (o->run_dir[0] == '\0') {
		int n = snprintf(
		    o->run_dir, sizeof(o->run_dir), "%s/%s", o->host_dir, o->instance);

		if (n < 0 || (size_t)n >= sizeof(o->run_dir))
			return err_invalid(e, "--host-dir '%s' is too long", o->host_dir);
	}
	if (o->state_dir[0] == '\0')
		(void)snprintf(o->state_dir, sizeof(o->state_dir),
		    STATE_DIR_DEFAULT "/%s", o->instance);
	const char *const paths[] = { o->run_dir, o->host_dir, o->state_dir, o->policy,
		o->pki };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		if (paths[i][0] != '/')
			return err_invalid(e, "'%s' is not an absolute path", paths[i]);
	}
	if (o->is_ephemeral && o->listen.len != 0)
		return err_invalid(
		    e, "--ephemeral serves the controller that started it: no --listen");
	if (strlen(o->run_dir) + sizeof("/" API_SOCKET) > 108)
		return err_invalid(e,
		    "'%s' is too long for a Unix socket below it (at most %zu characters)",
		    o->run_dir, 108 - sizeof("/" API_SOCKET));
	return 0;
}

static const struct option long_options[] = {
	{ "instance", required_argument, NULL, 'i' },
	{ "run-dir", required_argument, NULL, 'r' },
	{ "state-dir", required_argument, NULL, 's' },
	{ "host-dir", required_argument, NULL, 'h' },
	{ "policy", required_argument, NULL, 'p' },
	{ "listen", required_argument, NULL, 'L' },
	{ "pki", required_argument, NULL, 'k' },
	{ "ephemeral", no_argument, NULL, 'e' },
	{ "lifeline-fd", required_argument, NULL, 'l' },
	{ "ready-fd", required_argument, NULL, 'f' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'H' },
	{ 0 },
};

int
options_parse(int argc, char **argv, struct options *ret)
{
	struct err e = { 0 };
	int c, rc = 0;

	*ret = (struct options){
		.instance = INSTANCE_DEFAULT,
		.host_dir = HOST_DIR_DEFAULT,
		.policy = POLICY_DEFAULT,
		.pki = PKI_HOST_DIR,
		.lifeline_fd = -1,
		.ready_fd = -1,
	};
	while (rc == 0 && (c = getopt_long(argc, argv, "v", long_options, NULL)) != -1) {
		if (c == 'V') {
			puts("stormd " STORMDRILL_VERSION);
			return 0;
		}
		if (c == 'H') {
			fputs(usage, stdout);
			fputs(help, stdout);
			return 0;
		}
		if (c == '?') {
			fputs(usage, stderr);
			return EXIT_IS_USAGE;
		}
		rc = set_option(ret, c, optarg, &e);
	}
	if (rc == 0 && optind < argc)
		rc = err_invalid(&e, "unexpected argument '%s'", argv[optind]);
	if (rc == 0)
		rc = fill_in(ret, &e);
	if (rc == 0)
		return -1;
	fprintf(stderr, "stormd: %s\n", e.msg);
	return EXIT_IS_USAGE;
}
