/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHA256_H
#define SHA256_H
/* The fingerprint of an experiment file, as sha256sum prints it. */
#include <stddef.h>

#define SHA256_HEX_LEN 65 /* with NUL */
void sha256_hex(const void *data, size_t len, char ret[static SHA256_HEX_LEN]);

#endif
