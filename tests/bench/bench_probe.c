/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the prober costs and how true its figures are, on one CPU against an nginx on
 * another: beside libcurl with nothing around it, a loop that polls, and wrk.  Each side is a
 * process of its own, in turns, in a network namespace that nothing else uses.
 */
#include "bare_curl.h"
#include "bench.h"
#include "hist.h"
#include "probe.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define COST_ROUNDS 7
#define TIME_ROUNDS 3
#define IN_ALL      32 /* in flight, of those that go as fast as they can */
#define ADDRESS     "127.0.0.1:8099"
#define WARM_MS     200

static char dir[] = "/tmp/bench-probe.XXXXXX";
static const char url[] = "http://" ADDRESS "/";

/* What a side is to do, and what it did. */
struct task {
	double rate; /* per second; 0: as fast as it can */
	double seconds;
	bool is_timed; /* its latencies count */
};
struct result {
	double answers, seconds, cpu_us, p50_us, p99_us;
	double p99_own_us; /* without the time that the prober itself was late by */
};
typedef void (*side_fn)(const struct task *, struct result *);
typedef double (*of_fn)(const struct result *);
struct side {
	side_fn run;
	struct task task;
};

static void
stay_on_cpu(unsigned n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(n, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static double
own_cpu_us(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* Others on this machine are kept out of figures of latency; not out of those at full
 * speed, which would take a CPU for itself. */
static void
go_before_others(void)
{
	const struct sched_param first = { .sched_priority = 1 };

	(void)sched_setscheduler(0, SCHED_RR, &first);
}

/* In a process of its own, on CPU 0. */
static struct result
run_side(side_fn side, struct task t)
{
	struct result r = { 0 };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		exit(1);
	pid_t pid = fork();
	if (pid == 0) {
		stay_on_cpu(0);
		if (t.is_timed)
			go_before_others();
		side(&t, &r);
		_exit(write(ends[1], &r, sizeof(r)) != sizeof(r));
	}
	(void)close(ends[1]);
	if (read(ends[0], &r, sizeof(r)) != sizeof(r))
		(void)fprintf(stderr, "a side ended without a result\n");
	(void)close(ends[0]);
	(void)waitpid(pid, NULL, 0);
	return r;
}

/* --- the sides ------------------------------------------------------------------------ */

static void
by_bare(const struct task *t, struct result *r, void (*turn)(struct bare *))
{
	static struct bare b;
	double begin = now_ms(), cpu;

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	bare_open(&b, url, t->rate);
	while (now_ms() < begin + WARM_MS)
		turn(&b);
	b.answers = 0;
	cpu = own_cpu_us();
	begin = now_ms();
	while (now_ms() < begin + t->seconds * 1e3)
		turn(&b);
	r->cpu_us = own_cpu_us() - cpu;
	r->seconds = (now_ms() - begin) / 1e3;
	r->answers = (double)b.answers;
	bare_close(&b);
}

static void
side_bare(const struct task *t, struct result *r)
{
	by_bare(t, r, bare_turn);
}

static void
side_naive(const struct task *t, struct result *r)
{
	by_bare(t, r, naive_turn);
}

/* What comes of samples. */
struct seen {
	double answers;
	struct hist all, on_time;
};

static void
on_sample(void *ctx, const struct sample *s)
{
	struct seen *seen = ctx;

	if (s->bad)
		(void)fprintf(stderr, "a bad answer: %s\n", s->why);
	if (s->class != SAMPLE_OK)
		return;
	seen->answers++;
	hist_add(&seen->all, s->latency);
	hist_add(&seen->on_time, s->latency - s->late);
}

static void
probe_for(struct prober *p, double ms)
{
	struct pollfd fd = { .fd = prober_fd(p), .events = POLLIN };
	double end = now_ms() + ms;
	struct err e = { 0 };

	while (now_ms() < end) {
		(void)poll(&fd, 1, 100);
		must(prober_run(p, &e), "prober", &e);
	}
}

static void
side_ours(const struct task *t, struct result *r)
{
	const struct probe_def d = {
		.name = "bench",
		.http = { .method = (char *)"GET",
		    .url = (char *)url,
		    .timeout = USEC_PER_SEC },
		.rate_mhz = (uint64_t)(t->rate * 1e3),
		.max_in_flight = IN_ALL,
		.good = { .status = { { 200, 399 } },
		    .status_count = 1,
		    .within = USEC_PER_SEC },
		.objective = 0.99,
	};
	static struct seen seen;
	const struct prober_options o = {
		.probes = &d, .count = 1, .on_sample = on_sample, .ctx = &seen
	};
	struct prober *p = NULL;
	struct err e = { 0 };

	must(prober_open(&p, &o, &e), "prober", &e);
	prober_start(p, clock_boottime());
	probe_for(p, WARM_MS);
	memset(&seen, 0, sizeof(seen));
	double begin = now_ms(), cpu = own_cpu_us();
	probe_for(p, t->seconds * 1e3);
	r->cpu_us = own_cpu_us() - cpu;
	r->seconds = (now_ms() - begin) / 1e3;
	r->answers = seen.answers;
	r->p50_us = (double)hist_quantile(&seen.all, 0.50);
	r->p99_us = (double)hist_quantile(&seen.all, 0.99);
	r->p99_own_us = (double)hist_quantile(&seen.on_time, 0.99);
	prober_free(p);
}

/* wrk has no rate; by a script it waits whole milliseconds after each answer, and so its
 * rate is what comes of it. */
static void
side_wrk(const struct task *t, struct result *r)
{
	char script[64], command[256], line[128];
	double us;

	(void)snprintf(script, sizeof(script), "%s/pace.lua", dir);
	FILE *f = fopen(script, "we");
	if (f == NULL)
		return;
	(void)fprintf(f,
	    "function delay() return %.0f end\n"
	    "function done(s, l) io.write(string.format(\"OURS %%d %%f %%f %%f\\n\","
	    " s.requests, s.duration, l:percentile(50), l:percentile(99))) end\n",
	    1e3 / t->rate);
	(void)fclose(f);
	(void)snprintf(command, sizeof(command), "exec wrk -t1 -c1 -d%.0fs -s %s %s",
	    t->seconds, script, url);
	f = NULL;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) == 0 && fork() == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	f = fdopen(ends[0], "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "OURS %lf %lf %lf %lf", &r->answers, &us, &r->p50_us,
			&r->p99_us) == 4)
			r->seconds = us / 1e6;
}

/* --- rows ----------------------------------------------------------------------------- */

static double
rate_of(const struct result *r)
{
	return r->seconds > 0 ? r->answers / r->seconds : 0;
}

static double
cpu_of(const struct result *r)
{
	return r->answers > 0 ? r->cpu_us / r->answers : 0;
}

/* The figures that `of` takes from a result, over rounds of both sides in turns.  Of each
 * side the round with the least CPU per answer: whatever disturbs one adds to it. */
static void
compare(struct figure *f, struct task ours, struct side other, const of_fn *of)
{
	struct result best[2] = { 0 };

	for (int i = 0; i < COST_ROUNDS; i++) {
		struct result r[2] = { run_side(side_ours, ours),
			run_side(other.run, other.task) };

		for (int s = 0; s < 2; s++)
			if (best[s].answers <= 0 || cpu_of(&r[s]) < cpu_of(&best[s]))
				best[s] = r[s];
	}
	for (; f->name != NULL; f++, of++) {
		f->ours = (*of)(&best[0]);
		f->peer = (*of)(&best[1]);
		print_row(f);
	}
}

/* As fast as it goes.  The prober keeps to a schedule: it is asked for more than can be
 * done, so that as many are in flight as the other always has. */
static void
rate_rows(void)
{
	const struct task flat_out = { .seconds = 0.5 }, paced = { 2000, 0.5 };
	struct result bare = run_side(side_bare, flat_out);
	const struct task ours = { rate_of(&bare) * 2.5, 0.5 };
	struct figure fast[] = {
		{ .name = "probes/s, 32 in flight, one CPU",
		    .peer_name = "bare libcurl",
		    .unit = "/s",
		    .target = ">= 0.8 x" },
		{ .name = "CPU per probe, 32 in flight, one CPU",
		    .peer_name = "bare libcurl",
		    .unit = "us",
		    .target = "<= 1.25 x" },
		{ 0 },
	};
	struct figure slow[] = {
		{ .name = "CPU per probe at 2,000/s",
		    .peer_name = "bare libcurl",
		    .unit = "us",
		    .target = "<= 1.25 x" },
		{ 0 },
	};

	compare(fast, ours, (struct side){ side_bare, flat_out },
	    (of_fn[]){ rate_of, cpu_of });
	compare(slow, paced, (struct side){ side_bare, paced }, (of_fn[]){ cpu_of });
}

static void
polling_row(double rate, double seconds)
{
	const struct task t = { rate, seconds };
	char name[64];
	struct figure f[] = {
		{ .name = name,
		    .peer_name = "polling",
		    .unit = "us",
		    .target = "<= 1/3 at low rates" },
		{ 0 },
	};

	(void)snprintf(name, sizeof(name), "CPU per probe at %.0f/s", rate);
	compare(f, t, (struct side){ side_naive, t }, (of_fn[]){ cpu_of });
}

static double
median_of(const struct result *r, double (*of)(const struct result *))
{
	double v[TIME_ROUNDS];

	for (int i = 0; i < TIME_ROUNDS; i++)
		v[i] = of(&r[i]);
	return median(v, TIME_ROUNDS);
}

static double
p50_of(const struct result *r)
{
	return r->p50_us;
}

static double
p99_of(const struct result *r)
{
	return r->p99_us;
}

static double
p99_own_of(const struct result *r)
{
	return r->p99_own_us;
}

/* Both at the rate that wrk comes to.  wrk counts from when it came to send; what it was
 * late by itself is not in its figures. */
static void
latency_rows(double rate, double seconds)
{
	static const struct {
		const char *name;
		of_fn ours, wrks;
	} rows[] = {
		{ "p50 of latency", p50_of, p50_of },
		{ "p99 of latency", p99_of, p99_of },
		{ "p99, our own lateness apart", p99_own_of, p99_of },
	};
	struct result ours[TIME_ROUNDS], wrks[TIME_ROUNDS];

	for (int i = 0; i < TIME_ROUNDS; i++) {
		wrks[i] = run_side(side_wrk, (struct task){ rate, seconds, true });
		ours[i] = run_side(
		    side_ours, (struct task){ rate_of(&wrks[i]), seconds, true });
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[64];

		(void)snprintf(
		    name, sizeof(name), "%s, about %.0f/s", rows[i].name, rate);
		print_row(&(struct figure){ .name = name,
		    .peer_name = "wrk",
		    .unit = "us",
		    .target = "+- 5 % or 50 us",
		    .ours = median_of(ours, rows[i].ours),
		    .peer = median_of(wrks, rows[i].wrks) });
	}
}

/* --- the server ----------------------------------------------------------------------- */

static pid_t
start_nginx(void)
{
	char conf[64];

	(void)snprintf(conf, sizeof(conf), "%s/nginx.conf", dir);
	FILE *f = fopen(conf, "we");
	if (f == NULL)
		exit(1);
	(void)fprintf(f,
	    "daemon off; master_process off; pid %s/pid; error_log %s/log;\n"
	    "events { worker_connections 1024; }\n"
	    "http { access_log off; keepalive_requests 1000000000;\n"
	    "client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;\n"
	    "uwsgi_temp_path %s; scgi_temp_path %s;\n"
	    "server { listen " ADDRESS "; location / { return 200 \"ok\\n\"; } } }\n",
	    dir, dir, dir, dir, dir, dir, dir);
	(void)fclose(f);
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		stay_on_cpu(1);
		go_before_others();
		(void)execlp("nginx", "nginx", "-e", "/dev/null", "-c", conf, NULL);
		_exit(127);
	}
	return pid;
}

static void
wait_for_server(void)
{
	const struct task once = { 100, 0.3 };

	for (int i = 0; i < 20; i++) {
		struct result r = run_side(side_bare, once);
		if (r.answers > 0)
			return;
	}
	(void)fprintf(stderr, "nginx does not answer\n");
	exit(1);
}

int
main(void)
{
	if (access("/usr/bin/wrk", X_OK) != 0 || access("/usr/sbin/nginx", X_OK) != 0) {
		(void)printf("skip: nginx and wrk are needed\n");
		return 77;
	}
	if (unshare(CLONE_NEWNET) < 0 || PEER("ip", "link", "set", "lo", "up") < 0 ||
	    mkdtemp(dir) == NULL) {
		(void)printf("skip: no network namespace of its own\n");
		return 77;
	}
	(void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	pid_t nginx = start_nginx();
	wait_for_server();
	rate_rows();
	polling_row(10, 1);
	polling_row(100, 0.5);
	latency_rows(100, 3);
	latency_rows(500, 3);
	(void)kill(nginx, SIGKILL);
	(void)waitpid(nginx, NULL, 0);
	(void)PEER("rm", "-r", dir);
	return 0;
}
