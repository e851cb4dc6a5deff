/* SPDX-License-Identifier: Apache-2.0 */
/* Two sysctls of the network namespace, which /proc shows by who reads it, and a listing. */
#include "local_ports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "fdio.h"
#include "sock_diag.h"

#define SYSCTLS "/proc/sys/net/ipv4/"

bool
port_set_has(const struct port_set *s, uint16_t port)
{
	return (s->bits[port / 64] >> port % 64 & 1) != 0;
}

void
port_set_add(struct port_set *s, uint16_t port)
{
	s->bits[port / 64] |= UINT64_C(1) << port % 64;
}

/* "8080,9148-9200" and a line's end; longer than what is read is no list of a person's. */
static int
read_reserved(struct port_set *ret, struct err *e)
{
	char text[16384];
	ssize_t n =
	    read_file_at(AT_FDCWD, SYSCTLS "ip_local_reserved_ports", text, sizeof(text));
	char *save = NULL;

	if (n < 0)
		return err_set(e, (int)n, "read " SYSCTLS "ip_local_reserved_ports: %s",
		    strerror((int)-n));
	for (char *w = strtok_r(text, ", \n", &save); w != NULL;
	     w = strtok_r(NULL, ", \n", &save)) {
		struct port_range r;

		if (parse_port_range(w, &r, e) < 0)
			return e->code;
		for (uint32_t port = r.from; port <= r.to; port++)
			port_set_add(ret, (uint16_t)port);
	}
	return 0;
}

int
local_ports_read(struct port_range *ret, struct port_set *ret_reserved, struct err *e)
{
	char text[64];
	ssize_t n =
	    read_file_at(AT_FDCWD, SYSCTLS "ip_local_port_range", text, sizeof(text));
	unsigned from, to;

	if (n < 0)
		return err_set(e, (int)n, "read " SYSCTLS "ip_local_port_range: %s",
		    strerror((int)-n));
	if (sscanf(text, "%u %u", &from, &to) != 2 || from > to || to > UINT16_MAX)
		return err_set(
		    e, -EBADMSG, SYSCTLS "ip_local_port_range is not two ports");
	memset(ret_reserved, 0, sizeof(*ret_reserved));
	if (read_reserved(ret_reserved, e) < 0)
		return e->code;
	*ret = (struct port_range){ (uint16_t)from, (uint16_t)to };
	return 0;
}

static int
note_port(void *ctx, const struct socket_seen *s)
{
	port_set_add(ctx, s->local_port);
	return 0;
}

int
local_ports_used(struct nl *diag, uint8_t protocol, struct port_set *ret, struct err *e)
{
	memset(ret, 0, sizeof(*ret));
	return sock_diag_each(diag, protocol, SOCKET_STATES, note_port, ret, e);
}
