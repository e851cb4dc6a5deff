/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of stormd-undo.  It parses nothing but its arguments and the records,
 * needs no configuration and no running agent: this is what is left when all else failed.
 */
#include "recover.h"

#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "ident.h"
#include "log.h"
#include "parse.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INHERITED_BARRIER_FD 4 /* pulse.h */

static const char usage[] =
    "usage: stormd-undo [--run-dir DIR | --instance NAME] [--state-dir DIR]\n"
    "                   [--host-dir DIR] --list | --all | --earlier | --fault ID |\n"
    "                   --doctor\n"
    "\n"
    "  --list           what is outstanding, and how to undo it by hand\n"
    "  --all            undo it; a live stormd is asked to halt instead\n"
    "  --earlier        undo what earlier boots left, and nothing of this one\n"
    "  --fault ID       undo one fault\n"
    "  --doctor         look for residue, with or without a record\n"
    "  --instance NAME  one instance below host-dir (default: all of them)\n"
    "  --run-dir DIR    one instance, by its directory\n"
    "  --host-dir DIR   default " HOST_DIR_DEFAULT "\n"
    "  --state-dir DIR  its records that outlive a reboot (default: what run-dir says)\n"
    "\n"
    "Exit status: 0 nothing is left, 2 usage, 20 something is left or not verified.\n";

enum option_id {
	OPT_LIST = 256,
	OPT_ALL,
	OPT_EARLIER,
	OPT_FAULT,
	OPT_DOCTOR,
	OPT_GUARD,
	OPT_INSTANCE,
	OPT_RUN_DIR,
	OPT_HOST_DIR,
	OPT_STATE_DIR,
	OPT_LOCK_FD,
	OPT_VERSION,
	OPT_HELP,
};

static const struct option options[] = {
	{ "list", no_argument, NULL, OPT_LIST },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "earlier", no_argument, NULL, OPT_EARLIER },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "doctor", no_argument, NULL, OPT_DOCTOR },
	{ "guard", no_argument, NULL, OPT_GUARD },
	{ "instance", required_argument, NULL, OPT_INSTANCE },
	{ "run-dir", required_argument, NULL, OPT_RUN_DIR },
	{ "host-dir", required_argument, NULL, OPT_HOST_DIR },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "lock-fd", required_argument, NULL, OPT_LOCK_FD },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

struct parsed {
	struct recover o;
	const char *instance;
	bool is_bad;
};

static int
bad(struct parsed *p, const char *what)
{
	(void)fprintf(stderr, "stormd-undo: %s\n", what);
	p->is_bad = true;
	return EXIT_USAGE;
}

static void
set_verb(struct parsed *p, int (*verb)(const struct recover *o))
{
	if (p->o.verb != NULL)
		(void)bad(p, "only one of --list, --all, --earlier, --fault, --doctor");
	p->o.verb = verb;
}

static void
set_path(struct parsed *p, char *to, const char *path)
{
	int n = snprintf(to, PATH_LEN_MAX, "%s", path);

	if (path[0] == '\0' || n < 0 || n >= PATH_LEN_MAX)
		(void)bad(p, "a directory name is empty or too long");
}

static void
set_lock_fd(struct parsed *p, const char *text)
{
	struct err e = { 0 };
	uint64_t fd = 0;

	if (parse_u64(text, &fd, &e) < 0 || fd < 3 || fd > 1023)
		(void)bad(p, "--lock-fd takes the number of a descriptor");
	p->o.lock_fd = (int)fd;
	p->o.barrier_fd = INHERITED_BARRIER_FD;
}

static void
set_fault(struct parsed *p, const char *id)
{
	set_verb(p, cmd_fault);
	p->o.fault = id;
	if (!is_fault_id(id))
		(void)bad(p, "the id of a fault is eight hex digits: see --list");
}

static void
set_instance(struct parsed *p, const char *name)
{
	struct err e = { 0 };

	if (parse_name(name, &e) < 0)
		(void)bad(p, e.msg);
	p->instance = name;
}

static void
set_option(struct parsed *p, int option)
{
	switch (option) {
	case OPT_LIST:
		set_verb(p, cmd_list);
		break;
	case OPT_ALL:
		set_verb(p, cmd_all);
		break;
	case OPT_EARLIER:
		set_verb(p, cmd_earlier);
		break;
	case OPT_FAULT:
		set_fault(p, optarg);
		break;
	case OPT_DOCTOR:
		set_verb(p, cmd_doctor_host);
		break;
	case OPT_GUARD:
		set_verb(p, cmd_guard);
		break;
	case OPT_INSTANCE:
		set_instance(p, optarg);
		break;
	case OPT_RUN_DIR:
		set_path(p, p->o.run_dir, optarg);
		break;
	case OPT_HOST_DIR:
		set_path(p, p->o.host_dir, optarg);
		break;
	case OPT_LOCK_FD:
		set_lock_fd(p, optarg);
		break;
	case OPT_STATE_DIR:
		set_path(p, p->o.state_dir, optarg);
		break;
	default:
		p->is_bad = true; /* getopt has said why */
	}
}

/* What the options mean together. */
static void
settle(struct parsed *p)
{
	struct recover *o = &p->o;
	int n = 0;

	if (o->verb == NULL)
		(void)bad(p,
		    "say what to do: --list, --all, --earlier, --fault ID or --doctor");
	if (p->instance != NULL && o->run_dir[0] != '\0')
		(void)bad(p, "--instance and --run-dir are two ways to say the same");
	if (p->instance != NULL)
		n = snprintf(
		    o->run_dir, sizeof(o->run_dir), "%s/%s", o->host_dir, p->instance);
	if (n < 0 || (size_t)n >= sizeof(o->run_dir))
		(void)bad(p, "the instance's directory name is too long");
	if (strncmp(o->run_dir, HOST_DIR_DEFAULT "/", sizeof(HOST_DIR_DEFAULT)) == 0 &&
	    o->state_dir[0] == '\0')
		(void)snprintf(o->default_state_dir, sizeof(o->default_state_dir), "%s%s",
		    STATE_DIR_DEFAULT, o->run_dir + strlen(HOST_DIR_DEFAULT));
	if ((o->verb == cmd_guard || o->lock_fd >= 0) && o->run_dir[0] == '\0')
		(void)bad(p, "--guard and --lock-fd are for one --run-dir");
}

int
recover_main(int argc, char **argv)
{
	struct parsed p = {
		.o = { .lock_fd = -1, .barrier_fd = -1, .host_dir = HOST_DIR_DEFAULT }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == OPT_HELP || option == OPT_VERSION) {
			(void)fputs(option == OPT_HELP ? usage :
							 "stormd-undo " STORMDRILL_VERSION
							 "\n",
			    stdout);
			return EXIT_CLEAN;
		}
		set_option(&p, option);
	}
	if (optind < argc)
		(void)bad(&p, "no arguments are taken, only options");
	if (!p.is_bad)
		settle(&p);
	if (p.is_bad) {
		(void)fputs("Try 'stormd-undo --help'.\n", stderr);
		return EXIT_USAGE;
	}
	log_open(p.o.verb == cmd_guard ? "stormd-guardian" : "stormd-undo", LOG_L_NOTICE);
	return p.o.verb(&p.o);
}
