/* SPDX-License-Identifier: Apache-2.0 */
/* Distributions against their definitions and iproute2's own tables; ramps; descriptions. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "impairment.h"
#include "xalloc.h"

static struct err e;
static char dir[] = "/tmp/stormdrill-impairment-XXXXXX";

struct moments {
	double mean, spread;
};

static struct moments
moments_of(const struct distribution *d)
{
	double sum = 0, squares = 0, n = (double)d->count;

	for (size_t i = 0; i < d->count; i++) {
		double v = (double)d->quantile[i] / DISTRIBUTION_SCALE;

		sum += v;
		squares += v * v;
	}
	return (struct moments){ sum / n, sqrt(squares / n - sum / n * (sum / n)) };
}

static void
shapes_have_their_mean_and_spread(void **state)
{
	static const struct {
		const char *name;
		double mean, spread, median, top;
	} cases[] = {
		{ "normal", 0, 1, 0, 3.67 },
		/* cut off at 4, which takes some of its long tail */
		{ "pareto", -0.0335, 0.82, -0.32, 4 },
		{ "paretonormal", -0.025, 0.835, -0.24, 3.9 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct distribution *d = NULL;
		struct moments m;

		assert_ok(distribution_load(cases[i].name, &d, &e), e);
		m = moments_of(d);
		print_message("%s: mean %.4f, spread %.4f, median %.4f, top %.4f\n",
		    cases[i].name, m.mean, m.spread, d->quantile[2048] / 8192.0,
		    d->quantile[4095] / 8192.0);
		assert_int_equal(d->count, DISTRIBUTION_SIZE);
		assert_true(fabs(m.mean - cases[i].mean) < 0.002);
		assert_true(fabs(m.spread - cases[i].spread) < 0.01);
		assert_true(fabs(d->quantile[2048] / 8192.0 - cases[i].median) < 0.03);
		assert_true(fabs(d->quantile[4095] / 8192.0 - cases[i].top) < 0.1);
		for (size_t k = 1; k < d->count; k++)
			assert_true(d->quantile[k] >= d->quantile[k - 1]);
		free(d);
	}
}

/* Ours take the middle of each share, theirs its beginning: they differ by a step. */
static void
computed_shapes_are_those_of_iproute2(void **state)
{
	static const char *const names[] = { "normal", "pareto", "paretonormal" };
	static const char *const dirs[] = { "/usr/lib/tc", "/usr/lib64/tc",
		"/usr/share/tc", "/usr/lib/x86_64-linux-gnu/tc",
		"/usr/lib/aarch64-linux-gnu/tc" };
	size_t compared = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names) * ARRAY_LEN(dirs); i++) {
		const char *name = names[i % ARRAY_LEN(names)];
		_cleanup_free_ char *path =
		    xasprintf("%s/%s.dist", dirs[i / ARRAY_LEN(names)], name);
		struct distribution *ours = NULL, *theirs = NULL;

		if (access(path, R_OK) < 0)
			continue;
		assert_ok(distribution_load(name, &ours, &e), e);
		assert_ok(distribution_load(path, &theirs, &e), e);
		assert_int_equal(theirs->count, DISTRIBUTION_SIZE);
		for (size_t k = 8; k < DISTRIBUTION_SIZE - 8; k++) {
			assert_true(theirs->quantile[k] <= ours->quantile[k] + 8);
			assert_true(theirs->quantile[k + 1] >= ours->quantile[k] - 8);
		}
		compared++;
		free(ours);
		free(theirs);
	}
	if (compared == 0)
		skip_test("no tables of iproute2 on this machine");
}

static char *
write_table(const char *text, size_t len)
{
	char *path = xasprintf("%s/table", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	(void)close(fd);
	return path;
}

static void
tables_are_read_as_iproute2_has_them(void **state)
{
	static const char text[] = "# one\n#two\n -32768 -1\t0\n\n32767\n# three\n 5";
	_cleanup_free_ char *path = write_table(text, sizeof(text) - 1);
	_cleanup_free_ struct distribution *d = NULL;

	(void)state;
	assert_ok(distribution_load(path, &d, &e), e);
	assert_int_equal(d->count, 5);
	assert_int_equal(d->quantile[0], INT16_MIN);
	assert_int_equal(d->quantile[1], -1);
	assert_int_equal(d->quantile[2], 0);
	assert_int_equal(d->quantile[3], INT16_MAX);
	assert_int_equal(d->quantile[4], 5);
}

/* The messages must not tell what is in a file that only root may read. */
static void
what_is_no_table_is_refused_without_quoting_it(void **state)
{
	static const char *const wrong[] = { "", "# nothing\n", "1 2 secret", "1 2x",
		"32768", "-32769", "99999999999999999999", "1,2", "-", "--1",
		"1 # late" };
	struct distribution *d = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		_cleanup_free_ char *path = write_table(wrong[i], strlen(wrong[i]));

		assert_int_equal(distribution_load(path, &d, &e), -EINVAL);
		assert_null(strstr(e.msg, "secret"));
	}
	{
		_cleanup_free_ char *path = write_table("1 2\0 3", 6);

		assert_int_equal(distribution_load(path, &d, &e), -EINVAL);
	}
	assert_int_equal(distribution_load("weibull", &d, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "paretonormal"));
	assert_null(d);
}

static void
only_plain_files_of_a_sane_size_are_opened(void **state)
{
	_cleanup_free_ char *fifo = xasprintf("%s/fifo", dir);
	_cleanup_free_ char *link = xasprintf("%s/link", dir);
	_cleanup_free_ char *behind = xasprintf("%s/dirlink/table", dir);
	_cleanup_free_ char *dirlink = xasprintf("%s/dirlink", dir);
	_cleanup_free_ char *large = xcalloc(1, 300000);
	_cleanup_free_ char *path = NULL;
	struct distribution *d = NULL;

	(void)state;
	free(write_table("1", 1));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(symlink("table", link), 0);
	assert_int_equal(symlink(".", dirlink), 0);
	assert_int_equal(distribution_load(fifo, &d, &e), -EINVAL);
	assert_int_equal(distribution_load(link, &d, &e), -ELOOP);
	assert_int_equal(distribution_load(behind, &d, &e), -ELOOP);
	assert_int_equal(distribution_load(dir, &d, &e), -EINVAL);
	assert_int_equal(distribution_load("/nowhere/table", &d, &e), -ENOENT);
	memset(large, ' ', 299999);
	path = write_table(large, 299999);
	assert_int_equal(distribution_load(path, &d, &e), -EINVAL);
	memset(large, '\0', 300000);
	for (size_t i = 0; i < 2 * (DISTRIBUTION_MAX + 1); i += 2)
		memcpy(large + i, "7 ", 2);
	free(write_table(large, 2 * DISTRIBUTION_MAX));
	assert_ok(distribution_load(path, &d, &e), e);
	assert_int_equal(d->count, DISTRIBUTION_MAX);
	free(d);
	free(write_table(large, 2 * (DISTRIBUTION_MAX + 1)));
	assert_int_equal(distribution_load(path, &d, &e), -EINVAL);
	(void)unlink(fifo);
	(void)unlink(link);
	(void)unlink(dirlink);
}

static void
a_ramp_is_a_line_between_two_values(void **state)
{
	const struct impairment full = { .delay = 100000,
		.loss = 10000,
		.duplicate = 20000,
		.corrupt = 30000,
		.reorder = 40000,
		.rate = 1000000 };
	struct course c = { .ramp = 10 * USEC_PER_SEC };

	(void)state;
	for (c.ramped = RAMP_DELAY; c.ramped <= RAMP_RATE; c.ramped++) {
		struct impairment first, middle, last = impairment_at(&full, &c, c.ramp);

		c.from = c.ramped == RAMP_RATE ? 9000000 : 2000;
		first = impairment_at(&full, &c, 0);
		middle = impairment_at(&full, &c, c.ramp / 2);
		assert_memory_equal(&last, &full, sizeof(full));
#define assert_line(ramp_, field)                                       \
 do {                                                                   \
  if (c.ramped == (ramp_)) {                                            \
   assert_int_equal(first.field, c.from);                               \
   assert_int_equal(middle.field, ((uint64_t)c.from + full.field) / 2); \
  } else {                                                              \
   assert_int_equal(first.field, full.field);                           \
   assert_int_equal(middle.field, full.field);                          \
  }                                                                     \
 } while (0)
		assert_line(RAMP_DELAY, delay);
		assert_line(RAMP_LOSS, loss);
		assert_line(RAMP_DUPLICATE, duplicate);
		assert_line(RAMP_CORRUPT, corrupt);
		assert_line(RAMP_REORDER, reorder);
		assert_line(RAMP_RATE, rate);
#undef assert_line
	}
}

static void
the_longest_delay_counts_everything_that_holds(void **state)
{
	struct impairment i = { .delay = 100000, .jitter = 20000 };
	struct course c = { 0 };
	_cleanup_free_ struct distribution *d = NULL;

	(void)state;
	assert_int_equal(impairment_longest(&i, &c), 120000);
	i.slot_max = 5000;
	assert_int_equal(impairment_longest(&i, &c), 125000);
	c = (struct course){ .ramped = RAMP_DELAY, .from = 200000, .ramp = 1 };
	assert_int_equal(impairment_longest(&i, &c), 225000);
	c.from = 1000;
	assert_ok(distribution_load("pareto", &d, &e), e);
	i.distribution = d;
	assert_in_range(impairment_longest(&i, &c), 184990, 185010);
}

static void
descriptions_name_what_is_set(void **state)
{
	char text[200], small[16];
	struct impairment i = { .delay = 100000, .jitter = 10000, .loss = 1000 };

	(void)state;
	assert_string_equal(impairment_describe(&i, text, sizeof(text)),
	    "delay 100ms jitter 10ms loss 1%");
	assert_string_equal(
	    impairment_describe(&i, small, sizeof(small)), "delay 100ms jit");
	i = (struct impairment){ .loss_model = LOSS_GEMODEL,
		.loss_args = { 500, 20000, 100000, 0 },
		.rate = 10000000 };
	assert_string_equal(impairment_describe(&i, text, sizeof(text)),
	    "loss_gemodel 0.5% 20% 100% 0% rate 10mbit");
	i = (struct impairment){ .reorder = 25000, .gap = 5, .delay = 1000 };
	assert_string_equal(
	    impairment_describe(&i, text, sizeof(text)), "delay 1ms reorder 25% gap 5");
}

/* "delay=10ms loss=1%": as a fault of this kind reads it. */
static void
read_words(const char *kind, const char *words, struct impairment *ret, struct course *c)
{
	_cleanup_free_ char *copy = xstrdup(words);
	struct spec spec;
	struct fault_run run = { .spec = &spec };
	char *save = NULL;

	spec_init(&spec, kind_find(kind));
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		char *value = strchr(w, '=');

		*value++ = '\0';
		assert_ok(spec_set(&spec, w, value, &e), e);
	}
	spec.duration = 60 * USEC_PER_SEC;
	assert_ok(spec_finish(&spec, &e), e);
	assert_ok(impairment_read(&run, ret, c, &e), e);
}

static void
every_parameter_is_read(void **state)
{
	struct impairment i;
	struct course c;

	(void)state;
	read_words("net.rate",
	    "to=any delay=10ms jitter=2ms delay_correlation=25% distribution=normal loss=1% "
	    "loss_correlation=2% ecn=yes duplicate=3% duplicate_correlation=4% corrupt=5% "
	    "corrupt_correlation=6% reorder=7% reorder_correlation=8% gap=9 rate=10mbit "
	    "packet_overhead=-11 cell_size=12 cell_overhead=13 slot=14ms slot_max=15ms "
	    "slot_packets=16 slot_bytes=1700 seed=18 limit=19 from=20mbit ramp=21s "
	    "flap=22s/23s",
	    &i, &c);
	assert_int_equal(i.delay, 10000);
	assert_int_equal(i.jitter, 2000);
	assert_int_equal(i.delay_correlation, 25000);
	assert_non_null(i.distribution);
	assert_int_equal(i.loss_model, LOSS_RANDOM);
	assert_int_equal(i.loss, 1000);
	assert_int_equal(i.loss_correlation, 2000);
	assert_true(i.ecn);
	assert_int_equal(i.duplicate, 3000);
	assert_int_equal(i.duplicate_correlation, 4000);
	assert_int_equal(i.corrupt, 5000);
	assert_int_equal(i.corrupt_correlation, 6000);
	assert_int_equal(i.reorder, 7000);
	assert_int_equal(i.reorder_correlation, 8000);
	assert_int_equal(i.gap, 9);
	assert_int_equal(i.rate, 10000000);
	assert_int_equal(i.packet_overhead, -11);
	assert_int_equal(i.cell_size, 12);
	assert_int_equal(i.cell_overhead, 13);
	assert_int_equal(i.slot, 14000);
	assert_int_equal(i.slot_max, 15000);
	assert_int_equal(i.slot_packets, 16);
	assert_int_equal(i.slot_bytes, 1700);
	assert_true(i.has_seed);
	assert_int_equal(i.seed, 18);
	assert_int_equal(i.limit, 19);
	assert_int_equal(c.ramped, RAMP_RATE);
	assert_int_equal(c.from, 20000000);
	assert_int_equal(c.ramp, 21 * USEC_PER_SEC);
	assert_int_equal(c.flap_on, 22 * USEC_PER_SEC);
	assert_int_equal(c.flap_off, 23 * USEC_PER_SEC);
	free((void *)i.distribution);
}

static void
a_ramp_moves_what_the_kind_is_called_by(void **state)
{
	static const struct {
		const char *kind, *words;
		enum ramped ramped;
		int64_t from;
	} cases[] = {
		{ "net.delay", "to=any delay=1s from=2s ramp=3s", RAMP_DELAY, 2000000 },
		{ "net.loss", "to=any loss=1% from=2% ramp=3s", RAMP_LOSS, 2000 },
		{ "net.duplicate", "to=any duplicate=1% from=2% ramp=3s", RAMP_DUPLICATE,
		    2000 },
		{ "net.corrupt", "to=any corrupt=1% from=0% ramp=3s", RAMP_CORRUPT, 0 },
		{ "net.reorder", "to=any delay=1s reorder=1% from=2% ramp=3s",
		    RAMP_REORDER, 2000 },
		{ "net.delay", "to=any delay=1s", RAMP_NONE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct impairment impairment;
		struct course c;

		read_words(cases[i].kind, cases[i].words, &impairment, &c);
		assert_int_equal(c.ramped, cases[i].ramped);
		assert_int_equal(c.from, cases[i].from);
	}
}

/* What tc takes for the chances that are left out: one number alone is plain loss. */
static void
chances_left_out_are_those_of_tc(void **state)
{
	static const struct {
		const char *words;
		enum loss_model model;
		uint32_t args[5];
	} cases[] = {
		{ "to=any loss_state=10%", LOSS_STATE, { 10000, 90000, 0, 100000, 0 } },
		{ "to=any loss_state=1%,2%,3%,4%,5%", LOSS_STATE,
		    { 1000, 2000, 3000, 4000, 5000 } },
		{ "to=any loss_gemodel=10%", LOSS_GEMODEL, { 10000, 90000, 100000, 0 } },
		{ "to=any loss_gemodel=1%,2%,3%,4%", LOSS_GEMODEL,
		    { 1000, 2000, 3000, 4000 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct impairment impairment;
		struct course c;
		size_t n = cases[i].model == LOSS_STATE ? 5 : 4;

		read_words("net.loss", cases[i].words, &impairment, &c);
		assert_int_equal(impairment.loss_model, cases[i].model);
		assert_memory_equal(
		    impairment.loss_args, cases[i].args, n * sizeof(uint32_t));
	}
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void **state)
{
	_cleanup_free_ char *path = xasprintf("%s/table", dir);

	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes_have_their_mean_and_spread),
		cmocka_unit_test(computed_shapes_are_those_of_iproute2),
		cmocka_unit_test(tables_are_read_as_iproute2_has_them),
		cmocka_unit_test(what_is_no_table_is_refused_without_quoting_it),
		cmocka_unit_test(only_plain_files_of_a_sane_size_are_opened),
		cmocka_unit_test(a_ramp_is_a_line_between_two_values),
		cmocka_unit_test(the_longest_delay_counts_everything_that_holds),
		cmocka_unit_test(descriptions_name_what_is_set),
		cmocka_unit_test(every_parameter_is_read),
		cmocka_unit_test(a_ramp_moves_what_the_kind_is_called_by),
		cmocka_unit_test(chances_left_out_are_those_of_tc),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
