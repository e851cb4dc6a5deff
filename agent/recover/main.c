/* SPDX-License-Identifier: Apache-2.0 */
/* stormd-undo: everything is in recover.c, where tests can reach it. */
#include "recover.h"

int
main(int argc, char **argv)
{
	return recover_main(argc, argv);
}
