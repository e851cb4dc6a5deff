/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SECRET_H
#define SECRET_H
/* Finding a secret in text that was made to be shown, and by its name. */
#include <stdbool.h>
#include <stddef.h>

/* How many bytes at the beginning of the text are this secret: as it is, as messages show
 * it, with '?' for what does not print, or a good part of it where the text was cut; or 0. */
size_t secret_at(const char *text, const char *secret);
/* Is what goes by this name (of a header, an option, a parameter, a variable) kept to
 * oneself?  "X-Api-Key", "--password", "PGPASSWORD". */
bool is_secret_name(const char *name);

#endif
