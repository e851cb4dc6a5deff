/* SPDX-License-Identifier: Apache-2.0 */
/* stormd-fault: a holder, one of its crew, or the doctor's questions. */
#include "crew.h"
#include "holder.h"
#include <string.h>

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	if (argc == 2 && strcmp(argv[1], "--doctor") == 0)
		return doctor_main();
	return holder_main(argc, argv);
}
