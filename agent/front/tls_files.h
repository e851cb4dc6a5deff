/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_FILES_H
#define TLS_FILES_H
/* The pki files as they come from stormd, in pieces (msg.h). */
#include "msg.h"
#include <stdbool.h>

struct tls_files {
	bool has_begun;
	unsigned char *bytes[PKI_PARTS];
	size_t len[PKI_PARTS];
};

/* 1 with all of them (PKI_USE), 0 to go on, -EBADMSG for what stormd would not send. */
int tls_files_add(struct tls_files *f, const struct msg_pki *m, struct err *e);
void tls_files_wipe(struct tls_files *f);

#endif
