/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_H
#define TEST_H
/* cmocka insists on these headers before its own, in this order. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#endif
