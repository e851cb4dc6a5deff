/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANITIZED_H
#define SANITIZED_H
/*
 * Whether AddressSanitizer is built in, for the few places that it cannot live with: its
 * shadow is terabytes of address space, and it makes system calls that nobody else may.
 * A constant, so that what it keeps from running is still compiled.
 */
#if defined(__SANITIZE_ADDRESS__) /* gcc */
# define IS_SANITIZED 1
#elif defined(__has_feature) /* clang */
# if __has_feature(address_sanitizer)
#  define IS_SANITIZED 1
# endif
#endif
#ifndef IS_SANITIZED
# define IS_SANITIZED 0
#endif

#endif
