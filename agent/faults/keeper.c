/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One keeper.  Its sockets are made before anything is in force and bound when it is told,
 * without SO_REUSEADDR where nothing listens: a port that is bound so is passed over when
 * the kernel looks for one to connect from, by IPv4 and IPv6 alike (the one socket is of
 * both).  It never accepts, reads or writes.
 */
#include "err.h"
#include "keep_page.h"
#include "leash.h"
#include "process.h"
#include "xalloc.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct keeper {
	struct keep_page *page;
	struct keep_slot *slot;
	int *fds; /* one for each of its places */
};

static socklen_t
address_of(const struct keep_page *page, const struct keep_place *p, int family,
    struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *four = (struct sockaddr_in *)ret;
	static const struct net any;
	const struct net *n =
	    page->addresses_count > 0 ? &page->addresses[p->address] : &any;

	*ret = (struct sockaddr_storage){ .ss_family = (sa_family_t)family };
	if (family == AF_INET6) {
		six->sin6_port = htons(p->port);
		memcpy(&six->sin6_addr, n->addr, sizeof(six->sin6_addr));
		return sizeof(*six);
	}
	four->sin_port = htons(p->port);
	memcpy(&four->sin_addr, n->addr, sizeof(four->sin_addr));
	return sizeof(*four);
}

static int
family_of(const struct keep_page *page, const struct keep_place *p)
{
	if (page->addresses_count > 0)
		return page->addresses[p->address].family == 4 ? AF_INET : AF_INET6;
	return AF_INET6;
}

/* Of both families where the host has both. */
static int
make_socket(const struct keep_page *page, const struct keep_place *p)
{
	int type = page->protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(family_of(page, p), type | SOCK_CLOEXEC, 0), on = 1, off = 0;
	bool is_any = page->addresses_count == 0;

	if (fd < 0 && errno == EAFNOSUPPORT && is_any)
		fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* connections of a service that has ended linger on its port, and may */
	if (page->listens)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family_of(page, p) == AF_INET6) /* an AF_INET socket minds it not */
		(void)setsockopt(
		    fd, IPPROTO_IPV6, IPV6_V6ONLY, is_any ? &off : &on, sizeof(off));
	return fd;
}

static int
make_sockets(struct keeper *k)
{
	k->fds = xcalloc(k->slot->count, sizeof(*k->fds));
	for (uint32_t i = 0; i < k->slot->count; i++) {
		int fd = make_socket(k->page, &k->page->place[k->slot->first + i]);

		if (fd < 0)
			return fd;
		k->fds[i] = fd;
	}
	return 0;
}

static int
take_port(const struct keep_page *page, const struct keep_place *p, int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(int);
	int family = AF_INET6;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
		return -errno;
	len = address_of(page, p, family, &a);
	if (bind(fd, (struct sockaddr *)&a, len) < 0)
		return -errno;
	/* taken between the two, by somebody with SO_REUSEADDR */
	if (page->listens && listen(fd, 0) < 0)
		return -errno;
	return PLACE_HELD;
}

static _Noreturn void
keep_on(struct keeper *k)
{
	uint32_t turn = 0;

	for (;;) {
		while (atomic_load(&k->page->turn) == turn)
			word_wait(&k->page->turn, turn, 0);
		turn = atomic_load(&k->page->turn);
		for (uint32_t i = 0; i < k->slot->count; i++) {
			struct keep_place *p = &k->page->place[k->slot->first + i];

			if (atomic_load(&p->state) == PLACE_ASKED)
				atomic_store(&p->state, take_port(k->page, p, k->fds[i]));
		}
		atomic_store(&k->slot->done, turn);
		word_wake(&k->slot->done);
	}
}

static int
keeper_run(struct member *m, struct err *e)
{
	struct keeper k = { .page = m->page };
	struct rlimit limit;
	int rc;

	k.slot = &k.page->slot[m->number];
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit); /* making sockets will tell */
	}
	rc = make_sockets(&k);
	if (rc < 0)
		return err_set(
		    e, rc, "make %u sockets: %s", k.slot->count, strerror(-rc));
	crew_ready(m);
	keep_on(&k);
}

const struct crew_work work_keep = {
	.name = "keep",
	.comm = "stormd-keeper",
	.page_size = sizeof(struct keep_page),
	.caps = CAP_BIT(CAP_NET_BIND_SERVICE),
	.run = keeper_run,
};
