/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inventory out of DNS: each SRV record (RFC 2782) is a host, called as its target is.
 * Asked through the resolver of glibc, which every program here is linked with anyway, reads
 * /etc/resolv.conf like everything else on the host, falls back to TCP for long answers and
 * takes them apart with bounds (ns_parserr).  c-ares, the other candidate, would be one more
 * library for a question that is asked once.
 */
#include "cleanup.h"
#include "err.h"
#include "inventory_host.h"
#include "inventory_source.h"
#include "quote.h"
#include "xalloc.h"
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_SEC 3
#define TRIES        2
#define SRV_FIXED    6 /* priority, weight, port: before the target */

static int
say_failure(const char *name, int why, struct err *e)
{
	switch (why) {
	case HOST_NOT_FOUND:
		return err_set(e, -ENOENT, "there is no name '%s' in DNS", name);
	case NO_DATA:
		return err_set(e, -ENOENT, "'%s' has no SRV records", name);
	case TRY_AGAIN:
		return err_set(e, -EAGAIN,
		    "no name server of /etc/resolv.conf answers for '%s'", name);
	default:
		return err_set(
		    e, -EIO, "the name server refused to answer for '%s'", name);
	}
}

/* The answer's length in `ret`, or a negative errno. */
static int
ask(const char *name, unsigned char *ret, size_t size, struct err *e)
{
	struct __res_state state = { 0 };
	int len;

	if (res_ninit(&state) < 0)
		return err_set(e, -EIO, "cannot read /etc/resolv.conf");
	state.retrans = PATIENCE_SEC;
	state.retry = TRIES;
	len = res_nsearch(&state, name, ns_c_in, ns_t_srv, ret, (int)size);
	if (len < 0)
		len = say_failure(quote(name).text, state.res_h_errno, e);
	else if ((size_t)len > size)
		len = err_set(e, -EFBIG, "the answer is too large");
	res_nclose(&state);
	return len;
}

static int
add_target(
    struct inventory *v, const unsigned char *data, const char *target, struct err *e)
{
	char number[8];
	struct host *h;
	unsigned port = ns_get16(data + 4);
	int r = inventory_add(v, target, &h, e);

	if (r == 0)
		r = host_set_default_address(h, e);
	if (r < 0)
		return r;
	if (port == 0)
		return err_invalid(e, "host '%s' has port 0", h->name);
	h->port = (uint16_t)port;
	(void)snprintf(number, sizeof(number), "%u", ns_get16(data) & 0xffffU);
	r = host_set_tag(h, "priority", number, e);
	(void)snprintf(number, sizeof(number), "%u", ns_get16(data + 2) & 0xffffU);
	return r < 0 ? r : host_set_tag(h, "weight", number, e);
}

static int
add_record(struct inventory *v, ns_msg *m, const ns_rr *rr, struct err *e)
{
	const unsigned char *data = ns_rr_rdata(*rr);
	char target[NS_MAXDNAME];
	size_t len;

	if (ns_rr_rdlen(*rr) <= SRV_FIXED ||
	    ns_name_uncompress(ns_msg_base(*m), ns_msg_end(*m), data + SRV_FIXED, target,
		sizeof(target)) < 0)
		return err_set(e, -EPROTO, "the answer is no DNS");
	len = strlen(target);
	if (len > 0 && target[len - 1] == '.')
		target[--len] = '\0';
	if (len == 0) /* "." says that there is no such service */
		return 0;
	return add_target(v, data, target, e);
}

static int
read_answer(struct inventory *v, const unsigned char *answer, int len, struct err *e)
{
	ns_msg m;
	ns_rr rr;

	if (ns_initparse(answer, len, &m) < 0)
		return err_set(e, -EPROTO, "the answer is no DNS");
	for (int i = 0; i < ns_msg_count(m, ns_s_an); i++) {
		int r = 0;

		if (ns_parserr(&m, ns_s_an, i, &rr) < 0)
			return err_set(e, -EPROTO, "the answer is no DNS");
		if (ns_rr_type(rr) == ns_t_srv) /* CNAMEs come along */
			r = add_record(v, &m, &rr, e);
		if (r < 0)
			return r;
	}
	inventory_sort(v);
	return 0;
}

int
inventory_read_srv(const char *name, struct inventory *ret, struct err *e)
{
	_cleanup_free_ unsigned char *answer = xcalloc(1, NS_MAXMSG);
	int len;

	if (name[0] == '\0')
		return err_invalid(
		    e, "'srv:' without a name, such as srv:_stormd._tcp.example.org");
	len = ask(name, answer, NS_MAXMSG, e);
	if (len >= 0)
		len = read_answer(ret, answer, len, e);
	return len < 0 ? err_wrap(e, "inventory 'srv:%s'", quote(name).text) : 0;
}
