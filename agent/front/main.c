/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stormd-front: started by stormd with the channel and the listening sockets as descriptors
 * 3, 4 and, with --tls, 5; not to be run by hand.
 */
#include "front.h"
#include "log.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "empty-dir", required_argument, NULL, 'e' },
		{ "tls", no_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 },
	};
	const char *empty_dir = NULL;
	enum log_level level = LOG_L_INFO;
	bool has_tls = false;
	int option;

	while ((option = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		if (option == 'e')
			empty_dir = optarg;
		else if (option == 't')
			has_tls = true;
		else if (option == 'v')
			level = LOG_L_DEBUG;
		else
			return 2;
	}
	log_open("stormd-front", level);
	if (empty_dir == NULL || empty_dir[0] != '/' || optind != argc) {
		log_error(
		    "usage: stormd-front --empty-dir DIR [--tls] [-v] (stormd starts it)");
		return 2;
	}
	return front_main(empty_dir, has_tls);
}
