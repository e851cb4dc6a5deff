/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which socket a packet comes from, asked by programs of a few instructions: no field of a
 * packet says it, and flower has no key for it.  They are loaded by bpf(2) itself, without
 * a library or a compiler.
 */
#include "tc.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

/* What a classifier returns. */
enum { NO_MATCH = 0, MATCH = 1 };

/* Register, instruction: only what is needed here. */
#define CALL(helper)                                   \
 {                                                     \
  .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_##helper \
 }
#define SET(reg, value)                                                          \
 {                                                                               \
  .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg), .imm = (int32_t)(value) \
 }
#define WIDE(reg, value)                                                           \
 { .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (reg), .imm = (int32_t)(value) }, \
 {                                                                                 \
  .imm = (int32_t)((value) >> 32)                                                  \
 }
#define IF_EQUAL(a, b, skip)                                                       \
 {                                                                                 \
  .code = BPF_JMP | BPF_JEQ | BPF_X, .dst_reg = (a), .src_reg = (b), .off = (skip) \
 }
#define EXIT                 \
 {                           \
  .code = BPF_JMP | BPF_EXIT \
 }

static int
load(const struct bpf_insn *insns, size_t count, const char *what, struct err *e)
{
	static const char license[] = "Apache-2.0"; /* no helper here asks for more */
	union bpf_attr a;
	int fd;

	memset(&a, 0, sizeof(a)); /* its holes, too: the kernel looks */
	a.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	a.insns = (uint64_t)(uintptr_t)insns;
	a.insn_cnt = (uint32_t)count;
	a.license = (uint64_t)(uintptr_t)license;
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a));
	if (fd >= 0)
		return fd;
	if (errno == ENOSYS)
		return err_unsupported(
		    e, "this kernel has no bpf(2), which %s needs", what);
	return err_errno(e, "load the program for %s", what);
}

int
tc_program_user(uint32_t uid, struct err *e)
{
	const struct bpf_insn insns[] = {
		CALL(get_socket_uid), /* of what has no socket: the overflow uid */
		WIDE(BPF_REG_1, (uint64_t)uid),
		IF_EQUAL(BPF_REG_0, BPF_REG_1, 2),
		SET(BPF_REG_0, MATCH),
		EXIT,
		SET(BPF_REG_0, NO_MATCH),
		EXIT,
	};

	return load(insns, ARRAY_LEN(insns), "user", e);
}

int
tc_program_cgroup(uint64_t id, unsigned level, struct err *e)
{
	const struct bpf_insn insns[] = {
		SET(BPF_REG_2, level),
		CALL(skb_ancestor_cgroup_id), /* 0 without a socket */
		WIDE(BPF_REG_1, id),
		IF_EQUAL(BPF_REG_0, BPF_REG_1, 2),
		SET(BPF_REG_0, MATCH),
		EXIT,
		SET(BPF_REG_0, NO_MATCH),
		EXIT,
	};

	return load(insns, ARRAY_LEN(insns), "cgroup", e);
}
