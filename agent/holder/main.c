/* SPDX-License-Identifier: Apache-2.0 */
/* stormd-fault: a holder, one of its burners or keepers, or the doctor's questions. */
#include "holder.h"
#include "keep.h"
#include "load.h"
#include <string.h>

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--burner") == 0)
		return burner_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], "--keeper") == 0)
		return keeper_main(argc, argv);
	if (argc == 2 && strcmp(argv[1], "--doctor") == 0)
		return doctor_main();
	return holder_main(argc, argv);
}
