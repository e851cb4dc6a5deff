/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPER_CONFINE_H
#define SUPER_CONFINE_H
/* What stormd and all of its children give up for good. */
struct err;
struct policy;

int super_confine(const struct policy *p, struct err *e);

#endif
