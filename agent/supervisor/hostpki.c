/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the pki directory and handing its bytes on.  Nothing here knows PEM: a file is a
 * regular one of root's, of a bounded size, that nobody else can change, and the key one
 * that nobody else can read.  The bytes are kept for the next front, because reading them
 * again could wait for a disk that a fault has taken; they are wiped when others replace
 * them and when we end.
 */
#include "hostpki.h"
#include "api.h"
#include "chan.h"
#include "cleanup.h"
#include "err.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HOW "'stormctl pki host NAME' makes one, to be copied there"

static const char *const part_names[PKI_PARTS] = {
	[PKI_PART_CA] = PKI_CA,
	[PKI_PART_CERT] = PKI_CERT,
	[PKI_PART_KEY] = PKI_KEY,
	[PKI_PART_CRL] = PKI_CRL,
};

static void
wipe(struct pki_bytes *b)
{
	for (size_t i = 0; i < PKI_PARTS; i++) {
		if (b->bytes[i] != NULL)
			explicit_bzero(b->bytes[i], b->len[i]);
		free(b->bytes[i]);
	}
	*b = (struct pki_bytes){ 0 };
}

void
hostpki_release(struct hostpki *p)
{
	wipe(&p->used);
	wipe(&p->offered);
}

bool
hostpki_is_used(const struct hostpki *p)
{
	return p->used.len[PKI_PART_CERT] != 0;
}

static int
open_dir(const char *dir, struct err *e)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_set(e, -errno,
		    "'%s': %s; --listen needs a certificate of this host: " HOW, dir,
		    strerror(errno));
	if (fstat(fd, &st) != 0)
		return err_errno(e, "look at '%s'", dir);
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_invalid(e,
		    "'%s' is not root's alone to change: chown root and chmod go-w it",
		    dir);
	return steal_fd(&fd);
}

static int
check_file(const struct stat *st, enum pki_part part, struct err *e)
{
	if (!S_ISREG(st->st_mode))
		return err_invalid(e, "it is not a regular file");
	if (st->st_uid != 0)
		return err_invalid(
		    e, "it belongs to uid %u: it must be root's", st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_invalid(e, "others than root can write it: chmod go-w it");
	if (part == PKI_PART_KEY && (st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return err_invalid(e, "others than root can read it: chmod 600 it");
	if (st->st_size > PKI_FILE_MAX)
		return err_invalid(e, "it is larger than %d KiB", PKI_FILE_MAX / 1024);
	if (st->st_size == 0)
		return err_invalid(e, "it is empty");
	return 0;
}

/* Into the caller's struct at once, so that whatever was read is wiped with it. */
static int
read_part(int dir, enum pki_part part, struct pki_bytes *b, struct err *e)
{
	/* O_NONBLOCK: a fifo in its place must not hold us up before we see what it is */
	_cleanup_close_ int fd =
	    openat(dir, part_names[part], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 && errno == ENOENT && part == PKI_PART_CRL)
		return 0;
	if (fd < 0 && errno == ENOENT)
		return err_set(e, -ENOENT, "it is not there; " HOW);
	if (fd < 0 && errno == ELOOP)
		return err_invalid(e, "it is a symbolic link");
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(e, "open");
	if (check_file(&st, part, e) != 0)
		return e->code;
	b->len[part] = (size_t)st.st_size;
	b->bytes[part] = xcalloc(1, b->len[part]);
	n = read(fd, b->bytes[part], b->len[part]);
	if (n < 0)
		return err_errno(e, "read");
	if ((size_t)n != b->len[part])
		return err_set(e, -EAGAIN, "it changed while it was read");
	return 0;
}

int
hostpki_read(struct hostpki *p, struct err *e)
{
	_cleanup_close_ int dir = open_dir(p->dir, e);
	struct pki_bytes b = { 0 };

	if (dir < 0)
		return dir;
	for (int part = 0; part < PKI_PARTS; part++) {
		if (read_part(dir, (enum pki_part)part, &b, e) == 0)
			continue;
		wipe(&b);
		return err_wrap(e, "'%s/%s'", p->dir, part_names[part]);
	}
	wipe(&p->offered);
	p->offered = b;
	return 0;
}

static int
send_part(int channel, struct msg_pki *m, const struct pki_bytes *b, struct err *e)
{
	for (size_t at = 0; at < b->len[m->part]; at += m->len) {
		size_t left = b->len[m->part] - at;

		m->len = (uint16_t)(left < sizeof(m->bytes) ? left : sizeof(m->bytes));
		memcpy(m->bytes, b->bytes[m->part] + at, m->len);
		if (chan_send(channel, m, e) != 0)
			return e->code;
	}
	return 0;
}

int
hostpki_send(struct hostpki *p, int channel, struct err *e)
{
	static struct msg_pki m;
	const struct pki_bytes *b;
	int rc;

	p->is_new = p->offered.len[PKI_PART_CERT] != 0;
	b = p->is_new ? &p->offered : &p->used;
	m = (struct msg_pki){ .head = { .type = MSG_PKI, .seq = ++p->seq },
		.step = PKI_BEGIN };
	rc = chan_send(channel, &m, e);
	m.step = PKI_PIECE;
	for (m.part = 0; m.part < PKI_PARTS && rc == 0; m.part++)
		rc = send_part(channel, &m, b, e);
	explicit_bzero(&m, sizeof(m));
	m.head = (struct msg_head){ .type = MSG_PKI, .seq = p->seq };
	m.step = PKI_USE;
	if (rc == 0)
		rc = chan_send(channel, &m, e);
	p->is_asked = rc == 0;
	return rc;
}

int
hostpki_answered(struct hostpki *p, const struct msg_answer *m)
{
	if (!p->is_asked || m->head.seq > p->seq || !IS_TERMINATED(m->err.msg) ||
	    m->err.code > 0)
		return -EBADMSG;
	if (m->head.seq < p->seq)
		return 0; /* other files have been sent since */
	p->is_asked = false;
	p->why = m->err;
	if (p->is_new && m->err.code == 0) {
		wipe(&p->used);
		p->used = p->offered;
		p->offered = (struct pki_bytes){ 0 };
	}
	wipe(&p->offered);
	return 0;
}

void
hostpki_unanswered(struct hostpki *p)
{
	p->is_asked = false;
	if (hostpki_is_used(p))
		wipe(&p->offered);
}
