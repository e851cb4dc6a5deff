/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H
/* stormd: supervises, never blocks, touches nothing. */
struct options;

int supervisor_main(const struct options *o); /* the exit status */

#endif
