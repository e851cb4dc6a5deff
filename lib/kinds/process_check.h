/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESS_CHECK_H
#define PROCESS_CHECK_H
/* The rules between the parameters that process kinds share (process_params.h). */
struct spec;
struct err;

int process_check_which(const struct spec *s, struct err *e);

#endif
