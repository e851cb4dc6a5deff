/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FRONT_H
#define FRONT_H
/* The front's loop: HTTP on one side, the channel to stormd on the other. */

#include <stdbool.h>

/* Serve until stormd ends the channel: 0; 1 when setting up or the channel failed. */
int front_main(const char *empty_dir, bool has_tls);

#endif
