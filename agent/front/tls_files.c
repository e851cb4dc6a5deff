/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the pki files together.  The key is among them, so room is made once for a whole
 * file (a growing one would leave copies behind), and everything is wiped after use.
 */
#include "tls_files.h"
#include "api.h"
#include "err.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
tls_files_wipe(struct tls_files *f)
{
	for (size_t i = 0; i < PKI_PARTS; i++) {
		if (f->bytes[i] != NULL)
			explicit_bzero(f->bytes[i], PKI_FILE_MAX);
		free(f->bytes[i]);
	}
	*f = (struct tls_files){ 0 };
}

static int
add_piece(struct tls_files *f, const struct msg_pki *m, struct err *e)
{
	if (m->part >= PKI_PARTS || m->len > sizeof(m->bytes) ||
	    f->len[m->part] + m->len > PKI_FILE_MAX)
		return err_set(e, -EBADMSG, "a piece of no pki file");
	if (f->bytes[m->part] == NULL)
		f->bytes[m->part] = xcalloc(1, PKI_FILE_MAX);
	memcpy(f->bytes[m->part] + f->len[m->part], m->bytes, m->len);
	f->len[m->part] += m->len;
	return 0;
}

int
tls_files_add(struct tls_files *f, const struct msg_pki *m, struct err *e)
{
	if (m->step == PKI_BEGIN) {
		tls_files_wipe(f);
		f->has_begun = true;
		return 0;
	}
	if (!f->has_begun)
		return err_set(e, -EBADMSG, "pieces of a pki that did not begin");
	if (m->step == PKI_PIECE)
		return add_piece(f, m, e);
	return m->step == PKI_USE ? 1 : err_set(e, -EBADMSG, "step %u of a pki", m->step);
}
