/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_H
#define TEST_H
/*
 * What every unit test includes: cmocka behind the headers it needs, in the order it needs
 * them, and few words of our own.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "err.h"
#include <stdio.h>
#include <stdlib.h>

/* A call that must work: says why when it did not.  `e` is the struct err in scope. */
#define assert_ok(call, e)                      \
 do {                                           \
  int rc_ = (call);                             \
  if (rc_ < 0)                                  \
   fail_msg("%s: %d, %s", #call, rc_, (e).msg); \
 } while (0)

/* This test cannot run here; the runner prints the reason. */
#define skip_test(...)                \
 do {                                 \
  (void)printf("skip: " __VA_ARGS__); \
  (void)putchar('\n');                \
  skip();                             \
 } while (0)

/* The whole program cannot run here: the runner counts it and prints the reason. */
#define skip_all(...)                 \
 do {                                 \
  (void)printf("skip: " __VA_ARGS__); \
  (void)putchar('\n');                \
  exit(77);                           \
 } while (0)

/* For a test whose children enter namespaces of their own or give up privileges: the leak
 * checker wants to ptrace there and dies; and a holder's memory is freed by its end. */
#define TEST_WITHOUT_LEAK_CHECK            \
 const char *__asan_default_options(void); \
 const char *__asan_default_options(void)  \
 {                                         \
  return "detect_leaks=0";                 \
 }

#endif
