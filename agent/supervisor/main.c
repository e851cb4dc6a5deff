/* SPDX-License-Identifier: Apache-2.0 */
/* stormd(8). */
#include "options.h"
#include "supervisor.h"

int
main(int argc, char **argv)
{
	struct options o;
	int rc = options_parse(argc, argv, &o);

	return rc >= 0 ? rc : supervisor_main(&o);
}
