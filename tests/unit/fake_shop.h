/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_SHOP_H
#define FAKE_SHOP_H
/* A server to probe, for tests of whole drills: a fault breaks it as it is told. */
#include "test.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	struct MHD_Daemon *daemon;
	int silent;
	char url[64], sound_url[80];
	char silent_url[64];   /* of one that takes connections and says nothing */
	atomic_bool is_broken; /* by the fault, but for /sound */
	atomic_int percent;    /* of all answers that are bad anyway */
	atomic_uint asked;
} shop;

static enum MHD_Result
shop_answers(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **con)
{
	static char text[] = "hello";
	unsigned n = atomic_fetch_add(&shop.asked, 1);
	bool is_down = atomic_load(&shop.is_broken) && strcmp(url, "/sound") != 0;
	bool bad = is_down || (int)(n * 37 % 100) < atomic_load(&shop.percent);

	(void)ctx, (void)method, (void)version, (void)data, (void)size;
	(void)con;
	struct MHD_Response *r =
	    MHD_create_response_from_buffer(5, text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result q = MHD_queue_response(c, bad ? 503 : 200, r);
	MHD_destroy_response(r);
	return q;
}

static void
shop_open_silent(struct sockaddr_in a)
{
	socklen_t len = sizeof(a);

	shop.silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(shop.silent, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(shop.silent, 16), 0);
	assert_int_equal(getsockname(shop.silent, (struct sockaddr *)&a, &len), 0);
	(void)snprintf(shop.silent_url, sizeof(shop.silent_url), "http://127.0.0.1:%u/",
	    ntohs(a.sin_port));
}

static void
shop_open(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	shop_open_silent(a);
	atomic_store(&shop.is_broken, false);
	atomic_store(&shop.percent, 0);
	atomic_store(&shop.asked, 0);
	shop.daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL,
	    shop_answers, NULL, MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_END);
	assert_non_null(shop.daemon);
	(void)snprintf(shop.url, sizeof(shop.url), "http://127.0.0.1:%u/",
	    MHD_get_daemon_info(shop.daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	(void)snprintf(shop.sound_url, sizeof(shop.sound_url), "%ssound", shop.url);
}

static void
shop_close(void)
{
	MHD_stop_daemon(shop.daemon);
	(void)close(shop.silent);
}

#endif
