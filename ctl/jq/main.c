/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stormctl-jq: started by stormctl with a socket as descriptor 3; not to be run by hand.
 */
#include "jq_wire.h"
#include "log.h"
#include "serve.h"
#include <sys/stat.h>

int
main(int argc, char **argv)
{
	struct stat st;

	(void)argv;
	log_open("stormctl-jq", LOG_L_INFO);
	if (argc != 1 || fstat(JQ_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		log_error("usage: stormctl-jq (stormctl starts it)");
		return 2;
	}
	return serve_questions();
}
