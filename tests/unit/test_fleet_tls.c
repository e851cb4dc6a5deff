/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet against agents on TLS, one of which misbehaves: it is answered for, the others
 * are not held up, and nobody is believed who should not be.
 */
#include "fleet_ear.h"
#include "test.h"
#include "tls_agents.h"
#include <sys/stat.h>

#define HOUR (3600 * USEC_PER_SEC)

static struct fakes fakes;

static void
add_hosts(struct ear *ear, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct endpoint p = { .name = fakes.fake[i].name,
			.address = "127.0.0.1",
			.port = fakes.fake[i].port };
		struct err e = { 0 };

		assert_ok(fleet_add(ear->fleet, &p, &e), e);
	}
}

static struct fleet *
fleet_with(struct ear *ear, struct fleet_options o, size_t count)
{
	if (o.pki_dir == NULL)
		o.pki_dir = fakes.pki;
	ear_open(ear, &o);
	add_hosts(ear, count);
	return ear->fleet;
}

static const struct heard *
heard_of(const struct ear *ear, size_t host)
{
	for (size_t i = ear->count; i-- > 0;) {
		if (ear->heard[i].host == host)
			return &ear->heard[i];
	}
	return NULL;
}

/* The first host's answer while it is `how`, and the second's, which must come first when
 * the first takes its time. */
static struct err
ask_beside(enum behaviour how, bool takes_its_time, struct fleet_options o)
{
	struct ear ear;
	struct fleet *f = fleet_with(&ear, o, 2);
	struct err e;

	fake_become(&fakes.fake[0], how);
	fleet_get(f, 0, FLEET_STATUS);
	fleet_get(f, 1, FLEET_STATUS);
	(void)ear_await(&ear, 2);
	assert_int_equal(heard_of(&ear, 1)->err.code, 0);
	if (takes_its_time)
		assert_int_equal(ear.heard[0].host, 1);
	e = heard_of(&ear, 0)->err;
	ear_close(&ear);
	fake_become(&fakes.fake[0], FAKE_WELL);
	return e;
}

static void
answers_come_from_everyone(void **state)
{
	struct ear ear;
	struct fleet *f = fleet_with(&ear, (struct fleet_options){ 0 }, fakes.count);

	(void)state;
	for (size_t i = 0; i < fakes.count; i++)
		fleet_look(f, i, KNOWN, false);
	(void)ear_await(&ear, fakes.count);
	for (size_t i = 0; i < fakes.count; i++) {
		assert_int_equal(heard_of(&ear, i)->err.code, 0);
		assert_true(heard_of(&ear, i)->has_view);
	}
	ear_close(&ear);
}

/* What is said of one that misbehaves, while another is asked beside it. */
static const struct {
	const char *name;
	enum behaviour is;
	bool takes_its_time;
	usec_t connect, answer;
	int code;
	const char *says;
} misdeeds[] = {
	{ "refuses", FAKE_REFUSE, false, 0, 0, -ECONNREFUSED,
	    "no agent at db1 (127.0.0.1:" },
	{ "hangs at connect", FAKE_DEAF, true, 2 * USEC_PER_SEC, 0, -ETIMEDOUT,
	    "no connection within 2s" },
	{ "hangs at the handshake", FAKE_MUTE, true, 2 * USEC_PER_SEC, 0, -ETIMEDOUT,
	    "no connection within 2s" },
	{ "speaks no TLS", FAKE_BABBLE, false, 0, 0, -ECONNRESET, "hung up" },
	{ "closes at once", FAKE_CLOSE, false, 0, 0, -ECONNRESET, "hung up" },
	{ "never answers", FAKE_SILENT, true, 0, 2 * USEC_PER_SEC, -ETIMEDOUT,
	    "did not answer within 2s" },
	{ "stops in its answer", FAKE_STALL, true, 0, 3 * USEC_PER_SEC, -ETIMEDOUT,
	    "did not answer within 3s" },
	{ "sends a byte a second", FAKE_DRIP, true, 0, 0, -ETIMEDOUT,
	    "answers too slowly: not done after 5s" },
	{ "sends nonsense", FAKE_NONSENSE, false, 0, 0, -EPROTO, "is no agent" },
	{ "sends a gigabyte", FAKE_HUGE, false, 0, 0, -EPROTO,
	    "more than any answer of ours" },
	{ "hangs up", FAKE_HANG_UP, false, 0, 0, -ECONNRESET, "(3 attempts)" },
};

static void
whoever_misbehaves_is_told_of_and_delays_nobody(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(misdeeds); i++) {
		struct fleet_options o = { .connect_timeout = misdeeds[i].connect,
			.answer_timeout = misdeeds[i].answer };
		struct err e = ask_beside(misdeeds[i].is, misdeeds[i].takes_its_time, o);

		if (e.code != misdeeds[i].code || strstr(e.msg, misdeeds[i].says) == NULL)
			fail_msg("who %s: %d, %s", misdeeds[i].name, e.code, e.msg);
	}
}

/* A connect that fails within the call ends in the middle of a turn. */
static void
no_route_is_said_at_once(void **state)
{
	struct ear ear;
	struct fleet *f =
	    fleet_with(&ear, (struct fleet_options){ .answer_timeout = HOUR }, 0);
	struct endpoint nowhere = {
		.name = "db1", .address = "255.255.255.255", .port = 7433
	};

	(void)state;
	assert_int_equal(fleet_add(f, &nowhere, NULL), 0);
	fleet_get(f, 0, FLEET_STATUS);
	assert_int_equal(ear_await(&ear, 1)->err.code, -EHOSTUNREACH);
	assert_non_null(strstr(ear.heard[0].err.msg, "no way to db1"));
	ear_close(&ear);
}

/* --- trust ---------------------------------------------------------------------------- */

static void
certificate_must_carry_the_name(void **state)
{
	struct ear ear;
	struct fleet *f = fleet_with(&ear, (struct fleet_options){ 0 }, 0);
	struct endpoint other = {
		.name = "db2", .address = "127.0.0.1", .port = fakes.fake[0].port
	};
	unsigned before = atomic_load(&fakes.fake[0].others);

	(void)state;
	assert_int_equal(fleet_add(f, &other, NULL), 0);
	fleet_get(f, 0, FLEET_STATUS);
	assert_int_equal(ear_await(&ear, 1)->err.code, -EACCES);
	assert_non_null(strstr(ear.heard[0].err.msg, "is not believed"));
	assert_int_equal(atomic_load(&fakes.fake[0].others), before);
	ear_close(&ear);
}

static void
names_and_addresses_of_every_kind_are_found(void **state)
{
	static const struct {
		const char *name, *address;
	} hosts[] = {
		{ "db1", "localhost" },
		{ "db1", "::ffff:127.0.0.1" },
		{ "db_1", "127.0.0.1" },
		{ "10.77.1.2", "127.0.0.1" },
		{ "web-1.example.org", "127.0.0.1" },
	};
	struct ear ear;
	struct fleet *f = fleet_with(&ear, (struct fleet_options){ 0 }, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		struct endpoint p = { .name = hosts[i].name,
			.address = hosts[i].address,
			.port = fakes.fake[0].port };

		assert_int_equal(fleet_add(f, &p, NULL), i);
		fleet_get(f, i, FLEET_STATUS);
		const struct heard *h = ear_await(&ear, i + 1);
		if (h->err.code != 0)
			fail_msg("%s at %s: %s", p.name, p.address, h->err.msg);
	}
	ear_close(&ear);
}

static void
foreign_authority_is_not_believed(void **state)
{
	char pki[160];
	struct fleet_options o = { .pki_dir = pki };
	struct ear ear;

	(void)state;
	(void)snprintf(pki, sizeof(pki), "%s/operators/mallory", fakes.strangers);
	struct fleet *f = fleet_with(&ear, o, 1);
	fleet_get(f, 0, FLEET_STATUS);
	assert_int_equal(ear_await(&ear, 1)->err.code, -EACCES);
	assert_non_null(strstr(ear.heard[0].err.msg, "its certificate is not of our CA"));
	ear_close(&ear);
}

/* Our ca.pem, but another's certificate: it is the agent that does not believe. */
static void
agent_that_does_not_believe_us_is_told_of(void **state)
{
	char pki[160], ca[200], link[200];
	struct fleet_options o = { .pki_dir = pki };
	struct ear ear;

	(void)state;
	(void)snprintf(pki, sizeof(pki), "%s/operators/mallory", fakes.strangers);
	(void)snprintf(link, sizeof(link), "%s/ca.pem", pki);
	(void)snprintf(ca, sizeof(ca), "%s/ca.pem", fakes.pki);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(ca, link), 0);
	(void)snprintf(link, sizeof(link), "%s/crl.pem", pki);
	assert_int_equal(unlink(link), 0);
	struct fleet *f = fleet_with(&ear, o, 1);
	fleet_get(f, 0, FLEET_STATUS);
	assert_int_equal(ear_await(&ear, 1)->err.code, -EACCES);
	assert_non_null(strstr(ear.heard[0].err.msg, "our certificate"));
	fleet_warm(f, 0, KNOWN);
	assert_int_equal(ear_await(&ear, 2)->err.code, -EACCES);
	assert_int_equal(ear.heard[1].what, FLEET_SHOW);
	ear_close(&ear);
}

static void
revoked_host_is_not_believed(void **state)
{
	size_t last = fakes.count - 1;
	struct ear ear;

	(void)state;
	fakes_revoke(&fakes, fakes.fake[last].name);
	struct fleet *f = fleet_with(&ear, (struct fleet_options){ 0 }, fakes.count);
	fleet_get(f, last, FLEET_STATUS);
	fleet_get(f, 0, FLEET_STATUS);
	(void)ear_await(&ear, 2);
	assert_int_equal(heard_of(&ear, 0)->err.code, 0);
	assert_int_equal(heard_of(&ear, last)->err.code, -EACCES);
	assert_non_null(
	    strstr(heard_of(&ear, last)->err.msg, "its certificate is revoked"));
	ear_close(&ear);
}

static void
tls_without_certificates_is_refused(void **state)
{
	struct endpoint p = { .name = "db1", .address = "127.0.0.1", .port = 1 };
	struct fleet_options none = { 0 }, nowhere = { .pki_dir = "/nonexistent" };
	struct fleet *f = NULL;
	struct err e = { 0 };
	struct ear ear;

	(void)state;
	ear_open(&ear, &none);
	assert_int_equal(fleet_add(ear.fleet, &p, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "--pki"));
	ear_close(&ear);
	assert_int_equal(fleet_open(&f, &nowhere, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "pki operator NAME"));
	assert_null(f);
}

static void
directory_that_will_not_do_is_said_why(void **state)
{
	char ours[160], key[200];
	struct fleet_options of_ca = { .pki_dir = fakes.strangers },
			     own = { .pki_dir = ours };
	struct fleet *f = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(fleet_open(&f, &of_ca, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "is the CA's directory"));
	(void)snprintf(ours, sizeof(ours), "%s/operators/mallory", fakes.strangers);
	(void)snprintf(key, sizeof(key), "%s/key.pem", ours);
	assert_int_equal(chmod(key, 0644), 0);
	assert_int_equal(fleet_open(&f, &own, &e), -EPERM);
	assert_non_null(strstr(e.msg, "chmod 600"));
	assert_null(f);
	assert_int_equal(chmod(key, 0600), 0);
	assert_ok(fleet_open(&f, &own, &e), e);
	fleet_free(f);
}

/* --- warm ----------------------------------------------------------------------------- */

static bool
shows_undo(void *ctx)
{
	return ear_told(ctx, FLEET_UNDO) > 0;
}

/* Wait for what the fake counts, turning the fleet's loop meanwhile. */
static bool
never(void *ctx)
{
	(void)ctx;
	return false;
}

static void
turn_until(struct ear *ear, const atomic_uint *counter, unsigned at_least)
{
	for (int i = 0; i < 6000 && atomic_load(counter) < at_least; i++)
		(void)fleet_wait(
		    ear->fleet, clock_boottime() + 10 * USEC_PER_MSEC, never, NULL);
	assert_true(atomic_load(counter) >= at_least);
}

static void
broken_connection_is_made_anew_and_undo_asked_again(void **state)
{
	struct ear ear;
	struct fleet_options o = { .lost_after = HOUR };
	struct fleet *f = fleet_with(&ear, o, 1);
	struct fake *k = &fakes.fake[0];
	unsigned undos = atomic_load(&k->undos);
	struct err e = { 0 };

	(void)state;
	fleet_warm(f, 0, KNOWN);
	assert_int_equal(ear_await(&ear, 1)->err.code, 0);
	/* Heard, and hung up on instead of answered: again, on the next connection. */
	atomic_store(&k->is, FAKE_HANG_UP);
	assert_ok(fleet_ask(f, 0, FLEET_RENEW, &e), e);
	assert_ok(fleet_ask(f, 0, FLEET_UNDO, &e), e);
	turn_until(&ear, &k->undos, undos + 2);
	assert_int_equal(ear.count, 1);
	atomic_store(&k->is, FAKE_WELL);
	ear.wanted_lost = 0;
	assert_true(fleet_wait(f, clock_boottime() + EAR_PATIENCE, shows_undo, &ear));
	assert_int_equal(ear_told(&ear, FLEET_UNDO), 1);
	assert_int_equal(ear_told(&ear, FLEET_RENEW), 0); /* no use once it is undone */
	assert_int_equal(ear.lost, 0);
	ear_close(&ear);
}

static void
silent_host_is_lost_once(void **state)
{
	struct ear ear;
	struct fleet_options o = { .lost_after = 2 * USEC_PER_SEC };
	struct fleet *f = fleet_with(&ear, o, 2);
	struct fake *k = &fakes.fake[0];
	struct err e = { 0 };

	(void)state;
	fleet_warm(f, 0, KNOWN);
	fleet_warm(f, 1, KNOWN);
	(void)ear_await(&ear, 2);
	fake_become(k, FAKE_REFUSE);
	atomic_fetch_add(&k->drop, 1);
	ear_await_loss(&ear, 1);
	assert_int_equal(ear.last_lost, 0);
	assert_non_null(strstr(ear.why.msg, "was not heard of for 2s"));
	assert_int_equal(fleet_ask(f, 0, FLEET_UNDO, &e), -ENOTCONN);
	assert_ok(fleet_ask(f, 1, FLEET_UNDO, &e), e);
	(void)ear_await(&ear, 3);
	assert_int_equal(ear.lost, 1);
	/* It may come back. */
	fake_become(k, FAKE_WELL);
	fleet_warm(f, 0, KNOWN);
	assert_int_equal(ear_await(&ear, 4)->err.code, 0);
	ear_close(&ear);
}

/* Nothing else is going on that would turn the loop. */
static void
agent_that_never_says_a_word_is_given_up(void **state)
{
	struct ear ear;
	struct fleet *f =
	    fleet_with(&ear, (struct fleet_options){ .lost_after = USEC_PER_SEC }, 1);

	(void)state;
	atomic_store(&fakes.fake[0].is, FAKE_SILENT);
	fleet_warm(f, 0, KNOWN);
	const struct heard *h = ear_await(&ear, 1);
	assert_int_equal(h->what, FLEET_SHOW);
	assert_int_equal(h->err.code, -ETIMEDOUT);
	assert_non_null(strstr(h->err.msg, "no answer comes any more from db1"));
	assert_int_equal(ear.lost, 0); /* it was never there */
	atomic_store(&fakes.fake[0].is, FAKE_WELL);
	ear_close(&ear);
}

static void
nonsense_on_the_warm_connection_breaks_it(void **state)
{
	static const enum behaviour ways[] = { FAKE_NONSENSE, FAKE_HUGE, FAKE_STRANGER,
		FAKE_TWICE, FAKE_DRIP };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct ear ear;
		struct fleet_options o = { .lost_after = HOUR };
		struct fleet *f = fleet_with(&ear, o, 2);
		struct fake *k = &fakes.fake[0];
		unsigned connects = atomic_load(&k->connects);
		struct err e = { 0 };

		fleet_warm(f, 0, KNOWN);
		fleet_warm(f, 1, KNOWN);
		(void)ear_await(&ear, 2);
		atomic_store(&k->is, ways[i]);
		assert_ok(fleet_ask(f, 0, FLEET_SELFTEST, &e), e);
		turn_until(&ear, &k->connects, connects + 2);
		assert_int_equal(fleet_ask(f, 1, FLEET_UNDO, &e), 0);
		while (ear_told(&ear, FLEET_UNDO) == 0)
			(void)fleet_wait(
			    f, clock_boottime() + 10 * USEC_PER_MSEC, never, NULL);
		atomic_store(&k->is, FAKE_WELL);
		ear_close(&ear);
	}
}

/* --- breaker -------------------------------------------------------------------------- */

static bool
heard_well(void *ctx)
{
	const struct ear *ear = ctx;

	return ear->count > 0 && ear->heard[ear->count - 1].err.code == 0;
}

static void
breaker_spares_the_wait_and_closes_again(void **state)
{
	struct ear ear;
	struct fleet *f = fleet_with(&ear, (struct fleet_options){ 0 }, 1);
	struct fake *k = &fakes.fake[0];

	(void)state;
	fake_become(k, FAKE_REFUSE);
	fleet_get(f, 0, FLEET_STATUS);
	const struct heard *h = ear_await(&ear, 1);
	assert_int_equal(h->err.code, -ECONNREFUSED);
	assert_non_null(strstr(h->err.msg, "Connection refused (3 attempts)"));
	/* Unless a stall outlasts the breaker, and connecting is tried again. */
	do {
		assert_true(ear.count < 100);
		fleet_get(f, 0, FLEET_STATUS);
		h = ear_await(&ear, ear.count + 1);
	} while (h->err.code == -ECONNREFUSED);
	assert_int_equal(h->err.code, -EAGAIN);
	assert_non_null(strstr(h->err.msg, " attempts)"));
	atomic_store(&k->is, FAKE_WELL);
	while (!heard_well(&ear)) {
		assert_true(ear.count < 1000);
		fleet_get(f, 0, FLEET_STATUS);
		(void)ear_await(&ear, ear.count + 1);
		sleep_usec(20 * USEC_PER_MSEC);
	}
	fleet_get(f, 0, FLEET_STATUS);
	assert_int_equal(ear_await(&ear, ear.count + 1)->err.code, 0);
	ear_close(&ear);
}

/* --- clocks --------------------------------------------------------------------------- */

static void
moments_are_told_by_our_clock(void **state)
{
	static const int64_t ahead[] = { 0, (int64_t)HOUR, -(int64_t)(USEC_PER_SEC / 2),
		30 * 365 * 24 * (int64_t)HOUR };
	struct fake *k = &fakes.fake[0];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ahead); i++) {
		struct ear ear;
		struct fleet *f = fleet_with(&ear, (struct fleet_options){ 0 }, 1);
		usec_t at, off_by = 0;
		int64_t offset = 0;
		struct err e = { 0 };

		atomic_store(&k->ahead, ahead[i]);
		atomic_store(&k->fired_at, 0);
		assert_false(fleet_offset(f, 0, &offset, &off_by));
		fleet_warm(f, 0, KNOWN);
		const struct heard *h = ear_await(&ear, 1);
		assert_true(fleet_offset(f, 0, &offset, &off_by));
		assert_true(llabs(offset - ahead[i]) <= (int64_t)off_by);
		/* The fake armed it a second before it answered. */
		assert_in_range(h->view.drill.armed_at, h->asked - USEC_PER_SEC - off_by,
		    h->answered - USEC_PER_SEC + off_by);
		assert_true(h->view.drill.ends_at >= USEC_INFINITY);
		assert_int_equal(h->view.drill.undo_told, 0);
		at = clock_boottime() + USEC_PER_SEC;
		assert_ok(fleet_fire(f, 0, at, &e), e);
		(void)ear_await(&ear, 2);
		assert_true(
		    atomic_load(&k->fired_at) == (uint64_t)((int64_t)at + offset));
		ear_close(&ear);
	}
	atomic_store(&k->ahead, 0);
}

static void
clock_that_makes_no_sense_is_not_believed(void **state)
{
	struct ear ear;
	struct fleet *f = fleet_with(&ear, (struct fleet_options){ 0 }, 1);
	struct fake *k = &fakes.fake[0];
	usec_t off_by;
	int64_t offset;
	struct err e = { 0 };

	(void)state;
	atomic_store(&k->is, FAKE_LIE);
	fleet_warm(f, 0, KNOWN);
	(void)ear_await(&ear, 1);
	assert_false(fleet_offset(f, 0, &offset, &off_by));
	assert_int_equal(fleet_fire(f, 0, clock_boottime(), &e), -EPROTO);
	assert_non_null(strstr(e.msg, "does not say what its clock is"));
	assert_ok(fleet_ask(f, 0, FLEET_UNDO, &e), e); /* that needs no clock */
	assert_int_equal(ear_await(&ear, 2)->err.code, 0);
	atomic_store(&k->is, FAKE_WELL);
	ear_close(&ear);
}

static int
open_fakes(void **state)
{
	(void)state;
	fakes_open(&fakes, 4);
	return 0;
}

static int
close_fakes(void **state)
{
	(void)state;
	fakes_close(&fakes);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_from_everyone),
		cmocka_unit_test(whoever_misbehaves_is_told_of_and_delays_nobody),
		cmocka_unit_test(no_route_is_said_at_once),
		cmocka_unit_test(certificate_must_carry_the_name),
		cmocka_unit_test(names_and_addresses_of_every_kind_are_found),
		cmocka_unit_test(foreign_authority_is_not_believed),
		cmocka_unit_test(agent_that_does_not_believe_us_is_told_of),
		cmocka_unit_test(tls_without_certificates_is_refused),
		cmocka_unit_test(directory_that_will_not_do_is_said_why),
		cmocka_unit_test(broken_connection_is_made_anew_and_undo_asked_again),
		cmocka_unit_test(silent_host_is_lost_once),
		cmocka_unit_test(agent_that_never_says_a_word_is_given_up),
		cmocka_unit_test(nonsense_on_the_warm_connection_breaks_it),
		cmocka_unit_test(breaker_spares_the_wait_and_closes_again),
		cmocka_unit_test(moments_are_told_by_our_clock),
		cmocka_unit_test(clock_that_makes_no_sense_is_not_believed),
		cmocka_unit_test(revoked_host_is_not_believed),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("fleet_tls", tests, open_fakes, close_fakes);
}
